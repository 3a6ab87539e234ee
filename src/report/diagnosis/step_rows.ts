/** The steps of a network before and now, side by side: rows of a table. It is pure. */
import type { BatchDiagnosis, StepDiagnosis } from "../../doctor/diagnose.ts";
import { milliseconds, percent, short, times } from "../format.ts";

/** Names of the columns. */
export const STEP_COLUMNS = [
  "step",
  "dense, ms",
  "now, ms",
  "dense ÷ now",
  "MACs now",
  "MAC ratio",
  "dispatches",
  "launches, ms",
  "idle, ms",
  "of roof",
  "bound by",
] as const;

/** One row for each step, in order of execution; steps that only the dense network has come last. */
export function stepRows({ now, dense }: BatchDiagnosis): string[][] {
  const before = new Map(dense?.steps.map((found) => [found.step.name, found]));
  const names = new Set(now.steps.map(({ step }) => step.name));
  return [
    ...now.steps.map((found) => row(found.step.name, before.get(found.step.name), found)),
    ...[...before.values()].filter(({ step }) => !names.has(step.name)).map((found) =>
      row(found.step.name, found, undefined)
    ),
  ];
}

const NONE = "–";

function row(name: string, before: StepDiagnosis | undefined, now: StepDiagnosis | undefined): string[] {
  const ratio = (a: number | undefined, b: number | undefined) => a && b ? times(a / b) : NONE;
  const was = before?.step, is = now?.step;
  return [
    name,
    was ? milliseconds(was.ms) : NONE,
    is ? milliseconds(is.ms) : NONE,
    ratio(was?.ms, is?.ms),
    is ? short(is.macs) : NONE,
    ratio(was?.macs, is?.macs),
    is ? String(is.dispatches.length) : NONE,
    now ? milliseconds(now.parts.launches) : NONE,
    now ? milliseconds(now.parts.idle) : NONE,
    now?.roof ? `${percent(now.roof.share, 0)} ${now.roof.by}` : NONE,
    now?.by ?? "gone",
  ];
}

/** Names of the columns. */
export const DISPATCH_COLUMNS = ["step", "kernel", "workgroups", "ms, in a pass of its own"] as const;

/** One row for each dispatch of the network as it is now. */
export function dispatchRows({ now }: BatchDiagnosis): string[][] {
  return now.steps.flatMap(({ step }) =>
    step.dispatches.map(({ kernel, workgroups, ms }) => [
      step.name,
      kernel ?? NONE,
      workgroups === undefined ? NONE : String(workgroups),
      ms === undefined ? NONE : milliseconds(ms),
    ])
  );
}
