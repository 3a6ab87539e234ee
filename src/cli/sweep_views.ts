/** What a sweep came to, beside its table: the front in characters, its page, and the best trial's network. */
import { joinPath, normalisePath } from "../store/path.ts";
import { bestTrial, type Wish } from "../sweep/best.ts";
import { type SweepReport, trialFolder } from "../sweep/report.ts";
import { latest } from "../sweep/trial.ts";
import { choiceWords, metricText } from "../sweep/view/metric_words.ts";
import { overviewOf } from "../sweep/view/overview.ts";
import { terminalFront } from "../sweep/view/terminal_front.ts";
import { drawSweepPage } from "./draw_sweep_page.ts";
import type { Io } from "./io.ts";

/** Beside sweep.json. */
export const SWEEP_PAGE = "sweep.html";

/** Of the first objective against the second, or against the first cost in which trials differ; undefined where there is none. */
export function drawFront(report: SweepReport, width: number): string | undefined {
  const overview = overviewOf(report.trials, report);
  const [cost] = overview.costs;
  return cost && terminalFront(overview, cost, { columns: Math.min(width, 90) - 1, rows: 14 });
}

/** Gives the page's path. */
export async function writeSweepPage(io: Pick<Io, "store">, report: SweepReport, dir: string): Promise<string> {
  const path = joinPath(dir, SWEEP_PAGE);
  await io.store.write(path, new TextEncoder().encode(await drawSweepPage(io.store, report, dir)));
  return path;
}

/** The folder, in the sweep's own, that the best trial's files are copied to. */
const BEST = "best";

/**
 * Prints the best trial's recipe, as YAML whose comments say which it is, and copies what its run has left: network, report
 * and recipe.
 * @throws UserError where no trial can be chosen
 */
export async function takeBest(io: Io, report: SweepReport, dir: string, wish: Wish): Promise<void> {
  const trial = bestTrial(report.trials, wish);
  const [from, to] = [trialFolder(dir, trial.id), joinPath(dir, BEST)].map(normalisePath);
  for (const path of await io.store.list(to)) await io.store.remove(path);
  for (const path of await io.store.list(from)) {
    const bytes = await io.store.read(path);
    if (bytes) await io.store.write(joinPath(to, path.slice(from.length + 1)), bytes);
  }
  const recipe = await io.store.read(joinPath(from, "recipe.yaml"));
  const numbers = [...wish.objectives, ...wish.constraints].map(({ metric }) => metric);
  const metrics = latest(trial)!;
  io.out([
    `# Trial ${trial.id}, ${choiceWords(trial)}: ${
      Object.keys(metrics).filter((name) => numbers.some((asked) => name.startsWith(asked)))
        .map((name) => `${name} ${metricText(name, metrics[name])}`).join(", ")
    }`,
    `# Its network, recipe and report are copied to ${to}`,
    ...recipe ? [new TextDecoder().decode(recipe).trimEnd()] : [],
  ].join("\n"));
}
