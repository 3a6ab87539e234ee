/** A connection to Redis that outlives a restart of it. */
import { UserError } from "../../../errors.ts";
import { explained, shownAddress } from "./address.ts";
import { type Redis, RedisClient } from "./clients.ts";

export interface Connection {
  readonly redis: Redis;
  /** The address without its password. */
  readonly where: string;
  /** Turns what the client or the server throws into what the user can do. */
  guard<T>(action: () => Promise<T>): Promise<T>;
}

/** A Redis that was there once, and doesn't answer for so long, ends the sweep, which can be gone on with. */
const PATIENCE_MS = 60_000;
const CONNECT_MS = 5_000;

/** @throws UserError where no Redis that fits answers at the first attempt */
export async function connect(url: string, patienceMs = PATIENCE_MS): Promise<Connection> {
  const where = shownAddress(url);
  const state: { ready: boolean; lostAt?: number; last?: unknown } = { ready: false };
  const password = new URL(url).password === "" ? Deno.env.get("SECATEUR_REDIS_PASSWORD") : undefined;
  const redis = new RedisClient(url, {
    ...password && { password },
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    // BullMQ's wish: commands wait for the connection to come back.
    maxRetriesPerRequest: null,
    retryStrategy(times) {
      if (!state.ready) return null;
      state.lostAt ??= performance.now();
      return performance.now() - state.lostAt > patienceMs ? null : Math.min(50 * times, 1000);
    },
  });
  redis.on("error", (error: Error) => state.last = error);
  redis.on("ready", () => state.lostAt = undefined);
  const guard = async <T>(action: () => Promise<T>): Promise<T> => {
    try {
      return await action();
    } catch (error) {
      if (error instanceof UserError) throw error;
      const isClosed = error instanceof Error && /Connection is closed/.test(error.message);
      throw (isClosed && explained(where, state.last)) || (explained(where, error) ?? error);
    }
  };
  try {
    await guard(() => redis.connect());
    // Such as of a database that there isn't: the client goes on with another one.
    if (state.last) throw explained(where, state.last) ?? state.last;
    await guard(() => requireFitting(redis, where));
  } catch (error) {
    redis.disconnect();
    throw error;
  }
  state.ready = true;
  return { redis, where, guard };
}

const LEAST_VERSION = 6.2;

/** @throws UserError where Redis is too old, or may drop what it was told to keep */
async function requireFitting(redis: Redis, where: string): Promise<void> {
  const info = await redis.info();
  const value = (key: string) => new RegExp(`^${key}:(.*?)\\r?$`, "m").exec(info)?.[1];
  const version = value("redis_version") ?? "";
  if (Number.parseFloat(version) < LEAST_VERSION) {
    throw new UserError(`${where}: is Redis ${version}; expected ${LEAST_VERSION} or newer`);
  }
  const policy = value("maxmemory_policy");
  if (policy !== undefined && policy !== "noeviction") {
    throw new UserError(
      `${where}: may drop jobs when its memory is full (maxmemory-policy ${policy}): set it to noeviction, or use another Redis`,
    );
  }
}
