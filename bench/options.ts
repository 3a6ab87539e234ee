import { parseArgs } from "node:util";

/** What the command line takes; main.ts checks the values and hands them to every suite. */
export const OPTIONS = {
  rounds: { type: "string" },
  steps: { type: "string" },
  seed: { type: "string" },
  batch: { type: "string" },
  browser: { type: "boolean" },
  "no-tune": { type: "boolean" },
} as const;

export interface Options {
  /** Measured rounds, every contestant once in each. */
  readonly rounds: number;
  /** Steps of work per sample. */
  readonly steps: number;
  /** Of data and weights. */
  readonly seed: number;
}

/** The suite's options from the command line, which main.ts has checked, or its own defaults. */
export function readOptions(defaults: Options): Options {
  const { values } = parseArgs({ options: OPTIONS, allowPositionals: true });
  const read = (name: keyof Options) => Number(values[name] ?? defaults[name]);
  return { rounds: read("rounds"), steps: read("steps"), seed: read("seed") };
}
