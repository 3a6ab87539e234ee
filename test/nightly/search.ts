/**
 * What pruners and samplers of sweeps are worth on real trainings:
 *
 *     deno run -A test/nightly/search.ts
 *
 * ASHA must find the best cell of a grid, or one whose mean is within a standard error of its mean, in two fifths of the
 * grid's epochs. Fronts of NSGA-II must have at least the hypervolume of as many random draws, with each of three seeds:
 * in accuracy and the logarithm of multiply-adds, as fronts are drawn. By multiply-adds themselves the accuracy of the
 * best trials is nearly all of the hypervolume, and random draws were ahead with one seed of three: that is told only.
 * Exit code 1 where they don't.
 */
import { hypervolume } from "../../src/sweep/pareto/hypervolume.ts";
import type { SweepReport } from "../../src/sweep/report.ts";
import { latest, type Trial } from "../../src/sweep/trial.ts";

const cli = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const root = await Deno.makeTempDir({ prefix: "secateur-search-" });

const recipe = (constraints: string, epochs: number) =>
  `version: 1
name: cell
model: digits
data: { name: digits, limit: 600, validation: 0.4 }
batch: 32
stages:
  - kind: train
    epochs: 6
    optimizer: { kind: sgd, lr: 0.05, momentum: 0.9 }
    schedule: { kind: cosine }
  - kind: prune
    criterion: l2
    constraints: ${constraints}
    retrain: { epochs: ${epochs}, optimizer: { kind: sgd, lr: 0.02, momentum: 0.9 }, schedule: { kind: cosine } }
  - kind: compact
`;

/** Carries a sweep out; all share a store, so that equal jobs are done once. */
async function sweep(name: string, recipe: string, file: string): Promise<SweepReport> {
  await Deno.writeTextFile(`${root}/${name}-cell.yaml`, recipe);
  await Deno.writeTextFile(
    `${root}/${name}.yaml`,
    `version: 1\nname: ${name}\nrecipe: ./${name}-cell.yaml\n${file}`,
  );
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--cached-only", cli, "sweep", `${name}.yaml`, "--out", name, "--store", "store", "--quiet"],
    cwd: root,
  }).spawn().status;
  if (code !== 0) throw new Error(`the sweep ${name} ended with code ${code}`);
  return JSON.parse(await Deno.readTextFile(`${root}/${name}/sweep.json`));
}

let failures = 0;
function expect(what: string, holds: boolean): void {
  console.log(`${holds ? "ok    " : "FAILED"} ${what}`);
  if (!holds) failures++;
}

async function asha(): Promise<void> {
  const cells = recipe("[{ kind: filter, layers: [conv1, conv2], keep: 0.5 }]", 16);
  const file = (pruner: string) =>
    `vary:
  stages.1.criterion: [l2, taylor, random]
  stages.1.keep: [0.5, 0.375, 0.25, 0.125]
seeds: 5
objectives: [max accuracy]
pruner: ${pruner}
`;
  const grid = await sweep("grid", cells, file("none"));
  const pruned = await sweep("asha", cells, file("asha"));
  const accuracy = (trial: Trial) => latest(trial)!.accuracy;
  const cellOf = ({ choices }: Trial) => JSON.stringify(choices);
  const means = Map.groupBy(grid.trials, cellOf).entries().map(([cell, trials]) => {
    const values = trials.map(accuracy);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
    return { cell, mean, error: Math.sqrt(variance / values.length) };
  }).toArray();
  const best = means.reduce((a, b) => a.mean >= b.mean ? a : b);
  const chosen = pruned.trials.filter(({ state }) => state === "done").reduce((a, b) =>
    accuracy(a) >= accuracy(b) ? a : b
  );
  const found = means.find(({ cell }) => cell === cellOf(chosen))!;
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  expect(
    `ASHA chose ${found.cell} of mean ${percent(found.mean)}; best is ${best.cell} of ${percent(best.mean)} ± ` +
      percent(best.error),
    found.mean >= best.mean - best.error,
  );
  const share = pruned.epochs / grid.epochs;
  expect(`in ${percent(share)} of the grid's ${grid.epochs} epochs`, share <= 0.4);
}

async function fronts(seed: number): Promise<void> {
  const cells = recipe(
    "[{ kind: filter, layers: [conv1], keep: 0.5 }, { kind: filter, layers: [conv2], keep: 0.5 }, " +
      "{ kind: filter, layers: [fc1], keep: 0.5 }]",
    3,
  );
  const file = (sampler: string) =>
    `vary:
  stages.1.criterion: [l2, taylor, random]
  stages.1.constraints.0.keep: { from: 0.05, to: 1 }
  stages.1.constraints.1.keep: { from: 0.05, to: 1 }
  stages.1.constraints.2.keep: { from: 0.05, to: 1 }
  stages.1.retrain.optimizer.lr: { from: 0.002, to: 0.2, scale: log }
objectives: [max accuracy, min macs]
sampler: { kind: ${sampler}, seed: ${seed} }
budget: { trials: 48 }
`;
  const volume = ({ trials }: SweepReport, scale: (share: number) => number) =>
    hypervolume(
      trials.filter(({ state }) => state === "done").map((trial) => {
        const { accuracy, macs } = latest(trial)!;
        return [1 - accuracy, scale(macs / DENSE_MACS)];
      }),
      [1, scale(1)],
    );
  const bred = await sweep(`nsga2-${seed}`, cells, file("nsga2, population: 12"));
  const random = await sweep(`random-${seed}`, cells, file("random"));
  const volumes = (scale: (share: number) => number) => [bred, random].map((report) => volume(report, scale));
  const [log, linear] = [Math.log10, (share: number) => share].map(volumes);
  const words = ([a, b]: readonly number[]) => `${a.toFixed(4)} by NSGA-II, ${b.toFixed(4)} at random`;
  expect(`seed ${seed}: hypervolume ${words(log)}`, log[0] >= log[1]);
  console.log(`       by multiply-adds themselves: ${words(linear)}`);
}

/** Of the network digits, which no trial exceeds. */
const DENSE_MACS = 337_792;

try {
  await asha();
  for (const seed of [1, 2, 3]) await fronts(seed);
} finally {
  await Deno.remove(root, { recursive: true });
}
console.log(failures === 0 ? "all as they must be" : `${failures} failed`);
Deno.exit(failures === 0 ? 0 : 1);
