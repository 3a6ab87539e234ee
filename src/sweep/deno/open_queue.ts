/** The queue that a command line names. */
import { UserError } from "../../errors.ts";
import type { Store } from "../../store/types.ts";
import type { Queue, QueueRules } from "../queue/queue.ts";
import { JOURNAL, openJournal } from "./journal.ts";

/** How long a Redis that is gone may stay so, in milliseconds, beside what all queues have. */
export interface OpenOptions {
  readonly rules?: QueueRules;
  readonly patienceMs?: number;
}

/** Says in a sweep's folder on which Redis its queue is; absent where that is a journal beside it. */
const QUEUE_PLACE = "queue.json";

interface QueuePlace {
  /** Without name and password: they are no files' business. */
  readonly redis: string;
}

/** @param url address of the Redis; undefined for a journal */
export async function keepQueuePlace(store: Store, dir: string, url: string | undefined): Promise<void> {
  const path = `${dir}/${QUEUE_PLACE}`;
  if (url === undefined) return await store.remove(path);
  const place: QueuePlace = { redis: shownQueue(url) };
  await store.write(path, new TextEncoder().encode(JSON.stringify(place) + "\n"));
}

async function placeIn(dir: string): Promise<string | undefined> {
  try {
    const place: QueuePlace = JSON.parse(await Deno.readTextFile(`${dir}/${QUEUE_PLACE}`));
    return isRedis(place.redis) ? place.redis : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param where a Redis, or the folder of a sweep, which knows where its queue is
 * @throws UserError where there is none, or of a kind that there isn't
 */
export async function openQueue(where: string, options: OpenOptions = {}): Promise<Queue> {
  const kind = /^([a-z]+):\/\//.exec(where)?.[1];
  const redis = kind === undefined ? await placeIn(where) : isRedis(where) ? where : undefined;
  if (redis !== undefined) return await openRedis(redis, options);
  if (kind !== undefined) {
    throw new UserError(`--queue: no queue of the kind ${kind}; give redis://host:6379, or the folder of a sweep`);
  }
  const there = await Deno.stat(`${where}/${JOURNAL}`).then((info) => info.isFile, () => false);
  if (!there) {
    throw new UserError(
      `${where} holds no queue of a sweep: ${JOURNAL} is missing; name the folder of one that has begun, or the Redis that its queue is on`,
    );
  }
  return await openJournal(where, options);
}

/** Whether a command line names a Redis, and not a folder. */
export function isRedis(where: string): boolean {
  return /^rediss?:\/\//.test(where);
}

/** The address without name and password, for a message. */
export function shownQueue(where: string): string {
  return where.replace(/^(rediss?:\/\/)[^/]*@/, "$1");
}

/** In a folder with packages of its own, which are fetched when they are first asked for. */
async function openRedis(url: string, options: OpenOptions): Promise<Queue> {
  await installClient();
  const module: RedisModule = await import(new URL(MODULE, import.meta.url).href);
  return await module.openRedisQueue(url, options);
}

/** Loaded by its name and with its type written here: the root's configuration doesn't know its packages. */
interface RedisModule {
  openRedisQueue(url: string, options: OpenOptions): Promise<Queue>;
}

const MODULE = "./redis/redis_queue.ts";
const FOLDER = "src/sweep/deno/redis";

async function installClient(): Promise<void> {
  const there = await Deno.stat(new URL("./redis/node_modules/bullmq", import.meta.url)).then(() => true, () => false);
  if (there) return;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--cached-only", new URL("../../../scripts/packages.ts", import.meta.url).href, FOLDER],
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new UserError(new TextDecoder().decode(stderr).trim().split("\n").at(-1)!);
}
