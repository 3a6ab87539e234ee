/** How a sweep ended, for the exit code and the last line. */
import { SWEEP_FILE, type SweepReport } from "../sweep/report.ts";

/** What of a sweep that has ended went wrong, and how to go on; undefined where nothing did. */
export function failureOf(
  { differences, trials }: Pick<SweepReport, "differences" | "trials">,
  dir: string,
  onwards: string,
): string | undefined {
  const failed = trials.filter(({ state }) => state === "failed");
  if (differences.length > 0) {
    const [{ label, what, values }] = differences;
    return `${differences.length} jobs were done twice and came to something else, first ${label}: ${what} ${
      values.join(" and ")
    }: this adapter doesn't give the same bits, so the sweep's numbers can't be had again`;
  }
  if (failed.length > 0) {
    const rest = failed.length < trials.length ? "; the others are over" : "";
    return `${failed.length} of ${trials.length} trials failed, first ${failed[0].id}: ${
      failed[0].reason
    }${rest}; to try them again: ${onwards}`;
  }
  if (trials.some(({ state }) => state === "done")) return undefined;
  const what = trials.length === 0 ? "no trial had begun" : `none of ${trials.length} trials was done`;
  return `${what} when the budget's hours were over: give budget.hours in ${dir}/${SWEEP_FILE} more, and go on with: ${onwards}`;
}
