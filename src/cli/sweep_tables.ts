/** A sweep's report as tables for a terminal. */
import { gain, keeps } from "../sweep/objective.ts";
import type { SweepReport } from "../sweep/report.ts";
import { latest, type Trial } from "../sweep/trial.ts";
import { shortNames, valueText } from "../sweep/view/metric_words.ts";
import { formatTable } from "./table.ts";

/** So many trials are listed; sweep.json has all. */
const LISTED = 20;

/** The best trials by the first objective, with what was chosen and every objective's metric. */
export function formatSweep({ trials, objectives, constraints, jobs, epochs, space }: SweepReport): string {
  const measured = trials.filter((trial) => latest(trial) !== undefined);
  const value = (trial: Trial) => gain(latest(trial)!, objectives[0]);
  const ranked = [...measured].sort((a, b) => value(b) - value(a) || (a.id < b.id ? -1 : 1));
  const names = Object.keys(space);
  const metrics = [...new Set([...objectives, ...constraints].map(({ metric }) => metric))];
  const rows = ranked.slice(0, LISTED).map((trial) => [
    trial.id,
    ...names.map((name) => valueText(trial.choices[name])),
    String(trial.seed),
    ...metrics.map((metric) => number(latest(trial)![metric])),
    trial.state + (keeps(latest(trial)!, constraints) ? "" : ", beyond a constraint"),
  ]);
  const header = ["trial", ...shortNames(names), "seed", ...metrics, "state"];
  const counts = ["done", "running", "waiting", "stopped", "failed"].flatMap((state) => {
    const count = trials.filter((trial) => trial.state === state).length;
    return count > 0 ? [`${count} ${state}`] : [];
  });
  const more = ranked.length > LISTED ? `\n… ${ranked.length - LISTED} more` : "";
  const states = counts.length > 0 ? `: ${counts.join(", ")}` : "";
  const summary = `${trials.length} ${
    trials.length === 1 ? "trial" : "trials"
  }${states}; ${jobs} jobs, ${epochs} epochs`;
  return (rows.length > 0 ? formatTable([header, ...rows], { header: true }) + more + "\n\n" : "") + summary;
}

function number(value: number | undefined): string {
  if (value === undefined) return "";
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}
