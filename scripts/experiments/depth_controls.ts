/**
 * A table of runs that pruned depth, several seeds each, against their controls:
 *
 *     deno run -A scripts/experiments/depth_controls.ts docs/results/depth/digits-*
 *
 * Runs of one recipe are its seeds. Accuracies are those of the last epoch on the test images, which chose nothing.
 */
import { UserError } from "../../src/errors.ts";
import { accuracyOf } from "../../src/report/build.ts";
import type { Report } from "../../src/report/types.ts";
import { parseReport } from "../../src/report/validate.ts";
import { inPercent, seedMean } from "./seeds.ts";

const CONTROLS = ["tuned", "naive", "linear", "linear-tuned", "skip", "scratch"] as const;

if (Deno.args.length === 0) throw new UserError("give the folders of runs");
const groups = new Map<string, Report[]>();
for (const folder of Deno.args) {
  const name = /^name: (.*)$/m.exec(await Deno.readTextFile(`${folder}/recipe.yaml`))![1];
  const report = parseReport(JSON.parse(await Deno.readTextFile(`${folder}/report.json`)), `${folder}/report.json`);
  groups.set(name, [...groups.get(name) ?? [], report]);
}

const names = ["dense", "ours", ...CONTROLS];
console.log(`| recipe | seeds | MACs | ${names.join(" | ")} | ours − tuned |`);
console.log(`| --- | ---: | ---: | ${names.map(() => "---:").join(" | ")} | ---: |`);
for (const [name, reports] of groups) {
  const ours = reports.map(({ final }) => accuracyOf(final).test);
  const tuned = reports.map(({ controls }) => controls.tuned?.accuracy?.test);
  const control = (which: string) => reports.map(({ controls }) => controls[which]?.accuracy?.test);
  const columns = [reports.map(({ baseline }) => accuracyOf(baseline).test), ours, ...CONTROLS.map(control)];
  const macs = seedMean(reports.map(({ baseline, final }) => baseline.macs / final.macs)).mean;
  const differences = ours.flatMap((accuracy, i) => tuned[i] === undefined ? [] : [accuracy - tuned[i]]);
  console.log(
    `| ${name} | ${reports.length} | ${macs.toFixed(2)}× fewer | ${columns.map(shown).join(" | ")} | ${
      shown(differences)
    } |`,
  );
}

/** "–" where a run has no such control. */
function shown(accuracies: readonly (number | undefined)[]): string {
  const known = accuracies.filter((accuracy) => accuracy !== undefined);
  return known.length < accuracies.length || known.length === 0 ? "–" : inPercent(seedMean(known));
}
