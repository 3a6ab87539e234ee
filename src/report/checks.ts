/** What `secateur verify` tells of a run, check by check. */
import { compression, speedups } from "./build.ts";
import type { Report } from "./types.ts";

/** One thing that was recomputed: what the report says and what came out. */
export interface Check {
  readonly name: string;
  readonly expected: number | string;
  readonly found: number | string;
  readonly verdict: Verdict;
}

/** "not proved": the report claims nothing here, so there is nothing to agree with. */
export type Verdict = "agrees" | "differs" | "not proved";

/** Figures of the report that follow from others. */
export function followingFigures(report: Report): Check[] {
  const { baseline, final, stages, latency } = report;
  const ratios = compression(baseline, final);
  const speedup = speedups(latency);
  return [
    exact(
      "last stage = final",
      "equal",
      JSON.stringify(final) === JSON.stringify(stages.at(-1)) ? "equal" : "different",
    ),
    exact("compression, parameters", report.compression.params, ratios.params),
    exact("compression, non-zero", report.compression.nonzero, ratios.nonzero),
    exact("compression, MACs", report.compression.macs, ratios.macs),
    exact("achieved, parameters", report.achieved.params, final.params / baseline.params),
    exact("achieved, MACs", report.achieved.macs, final.macs / baseline.macs),
    ...[...new Set([...report.speedup, ...speedup].map(({ batch }) => batch))].map((batch) => {
      const ratio = (of: Report["speedup"]) => of.find((entry) => entry.batch === batch)?.ratio ?? "none";
      return exact(`speed-up, batch ${batch}`, ratio(report.speedup), ratio(speedup));
    }),
  ];
}

/** Two values that must be the same. */
export function exact(name: string, expected: number | string, found: number | string): Check {
  return { name, expected, found, verdict: verdictOf(expected === found) };
}

/** A difference that must not be above `limit`. */
export function within(name: string, found: number, limit: number): Check {
  return {
    name,
    expected: `≤ ${limit.toExponential()}`,
    found: found.toExponential(2),
    verdict: verdictOf(found <= limit),
  };
}

/** That the small network computes what the masked one does, as the report has it. */
export function reportedProof({ equivalence }: Report, limit: number): Check {
  const name = "compact = masked, as reported";
  if (!("notProved" in equivalence)) return within(name, equivalence.maxRel, limit);
  return { name, expected: "a proof", found: equivalence.notProved, verdict: "not proved" };
}

export function verdictOf(agrees: boolean): Verdict {
  return agrees ? "agrees" : "differs";
}
