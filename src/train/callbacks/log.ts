import type { Callback, LogFields } from "../types.ts";

/** Writes a record of every epoch: `phase` (the training's name), the epoch's figures and what other callbacks tell. */
export function log(write: (record: LogFields) => Promise<void> | void): Callback {
  return {
    name: "log",
    afterValidation: ({ name }, record) => write({ phase: name, ...record }),
  };
}
