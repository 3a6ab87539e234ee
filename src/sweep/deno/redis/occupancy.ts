/**
 * Who works on an adapter, and at what: kept in Redis beside BullMQ's queues, which know of no adapters. By Redis's own clock, since
 * those of machines differ. Each step is one script, so that no other command comes between its parts.
 */
import type { AdapterUse } from "./lane.ts";
import type { Redis } from "./clients.ts";

/** What is known of a lease that is held. Times in milliseconds since 1970. */
export interface Held {
  readonly token: string;
  readonly worker: string;
  readonly attempt: number;
  readonly since: number;
  readonly renewed: number;
  readonly progress?: string;
}

/** Where the work is done: leases there end by themselves, like those of jobs. */
export interface Place {
  /** Key of the adapter's set of leases. */
  readonly there: string;
  /** Key of what is known of leases, by their jobs. */
  readonly held: string;
}

export interface Occupancy {
  /** The time, where the lease may begin on the adapter; undefined where it would disturb, or be disturbed. */
  enter(place: Place, token: string, use: AdapterUse): Promise<number | undefined>;
  hold(place: Place, job: string, held: Held): Promise<void>;
  renew(place: Place, job: string, token: string, use: AdapterUse, progress?: string): Promise<void>;
  /** @param job undefined where none was found */
  leave(place: Place, job: string | undefined, token: string, use: AdapterUse): Promise<void>;
}

const NOW = `local t = redis.call("TIME")
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`;

/** Members of the set are "<use> <token>", scored by when they end. */
const ENTER = `${NOW}
redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", now)
local first = redis.call("ZRANGE", KEYS[1], 0, 0)[1]
if first and (ARGV[2] == "alone" or string.sub(first, 1, 6) == "alone ") then return 0 end
redis.call("ZADD", KEYS[1], now + ARGV[3], ARGV[2] .. " " .. ARGV[1])
redis.call("PEXPIRE", KEYS[1], ARGV[3])
return now`;

const RENEW = `${NOW}
local text = redis.call("HGET", KEYS[2], ARGV[4])
if not text then return 0 end
local held = cjson.decode(text)
if held.token ~= ARGV[1] then return 0 end
redis.call("ZADD", KEYS[1], now + ARGV[3], ARGV[2] .. " " .. ARGV[1])
redis.call("PEXPIRE", KEYS[1], ARGV[3])
held.renewed = now
if ARGV[5] ~= "" then held.progress = ARGV[5] end
redis.call("HSET", KEYS[2], ARGV[4], cjson.encode(held))
return 1`;

const LEAVE = `redis.call("ZREM", KEYS[1], ARGV[2] .. " " .. ARGV[1])
local text = redis.call("HGET", KEYS[2], ARGV[3])
if text and cjson.decode(text).token == ARGV[1] then redis.call("HDEL", KEYS[2], ARGV[3]) end
return 1`;

export function openOccupancy(redis: Redis, leaseMs: number): Occupancy {
  const script = (name: string, keys: number, lua: string) => {
    redis.defineCommand(name, { numberOfKeys: keys, lua });
    return (...args: (string | number)[]) =>
      (redis as unknown as Record<string, (...args: (string | number)[]) => Promise<number>>)[name](...args);
  };
  const enter = script("secateurEnter", 1, ENTER);
  const renew = script("secateurRenew", 2, RENEW);
  const leave = script("secateurLeave", 2, LEAVE);
  return {
    enter: async ({ there }, token, use) => await enter(there, token, use, leaseMs) || undefined,
    hold: async ({ held }, job, lease) => void await redis.hset(held, job, JSON.stringify(lease)),
    renew: async ({ there, held }, job, token, use, progress = "") =>
      void await renew(there, held, token, use, leaseMs, job, progress),
    leave: async ({ there, held }, job, token, use) => void await leave(there, held, token, use, job ?? ""),
  };
}
