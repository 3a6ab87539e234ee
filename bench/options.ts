import { parseArgs } from "node:util";

/** What the command line takes; main.ts checks the values and hands them to every suite. */
export const OPTIONS = {
  rounds: { type: "string" },
  steps: { type: "string" },
  seed: { type: "string" },
  batch: { type: "string" },
  case: { type: "string" },
  variant: { type: "string" },
  weights: { type: "string" },
  data: { type: "string" },
  gpu: { type: "string" },
  profile: { type: "string" },
  show: { type: "string" },
  json: { type: "boolean" },
  browser: { type: "boolean" },
  "no-tune": { type: "boolean" },
} as const;

export interface Options {
  /** Measured rounds, every contestant once in each. */
  readonly rounds: number;
  /** Steps of work per sample. */
  readonly steps: number;
  /** The seed of data and weights. */
  readonly seed: number;
}

/**
 * The cases whose names contain the `--case` of the command line, in any letter case; all without it. None ends the
 * process as wrong usage.
 */
export function chosenCases<T>(cases: readonly T[], nameOf: (one: T) => string): readonly T[] {
  const { values } = parseArgs({ options: OPTIONS, allowPositionals: true });
  const wanted = (values.case ?? "").toLowerCase();
  const chosen = cases.filter((one) => nameOf(one).toLowerCase().includes(wanted));
  if (chosen.length > 0) return chosen;
  console.error(
    `bench: --case: no case contains "${values.case}": expected a part of\n  ${cases.map(nameOf).join("\n  ")}`,
  );
  Deno.exit(2);
}

/** The suite's options from the command line, which main.ts has checked, or its own defaults. */
export function readOptions(defaults: Options): Options {
  const { values } = parseArgs({ options: OPTIONS, allowPositionals: true });
  const read = (name: keyof Options) => Number(values[name] ?? defaults[name]);
  return { rounds: read("rounds"), steps: read("steps"), seed: read("seed") };
}
