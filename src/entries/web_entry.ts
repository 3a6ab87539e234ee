/**
 * What a page needs beside the rest: data that it fetches, timing sessions that know when it is hidden, and files in
 * memory.
 *
 * @module
 */
export { UserError } from "../errors.ts";
export { fetchDigits } from "../data/digits.ts";
export type { SplitOptions, Splits } from "../data/types.ts";
export { measureSession, type SessionNetwork, type SessionOptions } from "../measure/session/session.ts";
export type { Protocol, SessionEvent } from "../measure/session/types.ts";
export { createVisibility, type Visibility, type VisibilityState } from "../measure/session/visibility.ts";
export { memoryStore } from "../store/memory.ts";
export type { ReadOptions, Store } from "../store/types.ts";
