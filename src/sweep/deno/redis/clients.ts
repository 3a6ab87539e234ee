/**
 * The packages of this folder, which has a deno.json of its own: whoever asks for no queue on Redis needs neither. They are looked up
 * from here, since the rest of Secateur runs with the root's configuration.
 */
import type * as BullMq from "bullmq";
import type * as IoRedis from "ioredis";
import { createRequire } from "node:module";

export type { Job as BullJob, Queue as BullQueue, Worker as BullWorker } from "bullmq";
export type { Redis } from "ioredis";

const require = createRequire(import.meta.url);

export const { Queue, Worker, UnrecoverableError } = require("bullmq") as typeof BullMq;
export const { Redis: RedisClient } = require("ioredis") as typeof IoRedis;
