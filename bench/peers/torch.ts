/**
 * Suite "peers-torch": ResNet-20 at batch 32, a training step and a forward pass, here beside PyTorch on the same machine's
 * processor. It says to whom training here is of use: where the adapter is the processor, PyTorch is far ahead.
 */
import rootConfig from "../../deno.json" with { type: "json" };
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import { inferenceRequests, trainingRequests } from "../../src/measure/requests.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import type { Contest } from "../contest.ts";
import { chosenCases, readOptions } from "../options.ts";
import type { Problem } from "../problem.ts";
import { describeSetting, printSetting, writeRecord } from "../record.ts";
import { BATCH, CHANNELS, resnetProblem, SIDE } from "../resnet/problem.ts";
import { secateurStep } from "../secateur.ts";
import { tuneFor } from "../tuned.ts";
import { contestOf, type Entry, type PeerRow, play, type Player, rowsOf, type Rules } from "./match.ts";
import { peerTable } from "./table.ts";
import { findTorch, startTorch, type Torch } from "./torch/torch.ts";

/** Deno looks for a finished read about every 10 ms. */
const QUANTUM_MS = 10;
/** Of logits and losses; rounding alone is 1e-6 at the fourth step. */
const TOLERANCE = 1e-3;
const COMPARED_STEPS = 4;

interface Work {
  readonly name: string;
  /** Multiply-adds over those of a forward pass: each gradient has as many. */
  readonly passes: 1 | 3;
  ours(problem: Problem): Player;
  theirs(torch: Torch): Player;
}

const python = await findTorch();
if (python === undefined) {
  console.log(
    'peers-torch: skipped, no Python here has "torch": on Debian `apt install python3-torch` brings it, elsewhere pip does',
  );
  Deno.exit(0);
}
const { rounds, seed } = readOptions({ rounds: 7, steps: 1, seed: 1 });
const rules: Rules = { rounds, sampleMs: 20 * QUANTUM_MS, tolerance: TOLERANCE, now: () => performance.now() };
prepareEnvironment();
const gpu = await Gpu.open();
const WORKS: readonly Work[] = [
  {
    name: `ResNet-20 training step, batch ${BATCH}`,
    passes: 3,
    ours: ourStep,
    theirs: (torch) => torchPlayer(torch, "training"),
  },
  {
    name: `ResNet-20 forward, batch ${BATCH}`,
    passes: 1,
    ours: ourForward,
    theirs: (torch) => torchPlayer(torch, "inference"),
  },
];
const works = chosenCases(WORKS, ({ name }) => name);
const rows: PeerRow[] = [];
const contests: Contest[] = [];
let version = "";
for (const { name, passes, ours, theirs } of works) {
  const problem = resnetProblem(seed);
  const torch = await startTorch(python, problem);
  version = `${torch.version}, ${torch.threads} threads`;
  await tuneFor(gpu, [...trainingRequests(gpu, problem.model, BATCH), ...inferenceRequests(gpu, problem.model, BATCH)]);
  const entries: Entry[] = [
    { name: "secateur", version: rootConfig.version, open: () => Promise.resolve(ours(problem)) },
    { name: "PyTorch", version, open: () => Promise.resolve(theirs(torch)) },
  ];
  const outcome = await play(entries, rules, (output) => {
    if (!output.every(Number.isFinite)) throw new Error(`${name}: ours is not a finite number`);
  });
  await torch.close();
  rows.push(...rowsOf(name, passes * BATCH * graphCost(problem.model.graph).macs, outcome, {}));
  contests.push(contestOf(name, outcome, {}));
}
const setting = await describeSetting("peers-torch", gpu, {
  versions: { secateur: rootConfig.version, PyTorch: version },
  seed,
  clock: "wall clock, with the final read",
  quantumMs: QUANTUM_MS,
});
console.log("ResNet-20 beside PyTorch on the processor\n");
printSetting(setting);
console.log(peerTable(rows));
console.log(`\nWritten to ${writeRecord(setting, { title: "ResNet-20 beside PyTorch", rounds, contests, rows })}`);
Deno.exit(0);

function ourStep(problem: Problem): Player {
  const step = secateurStep(gpu, problem, rootConfig.version);
  return {
    async output() {
      const losses: number[] = [];
      while (losses.length < COMPARED_STEPS) losses.push(await step.run(1));
      return Float32Array.from(losses);
    },
    sample: (calls) => timed(() => step.run(calls)),
    dispose: step.dispose,
  };
}

function ourForward({ model, batches }: Problem): Player {
  const plan = compilePlan(gpu, model, BATCH);
  const input = Tensor.from(gpu, batches[0].images, [BATCH, CHANNELS, SIDE, SIDE]);
  const run = async (calls: number) => {
    for (let i = 0; i < calls; i++) plan.run(input);
    return await plan.output.read();
  };
  return {
    output: async () => Float32Array.from(await run(1)),
    sample: (calls) => timed(() => run(calls)),
    dispose() {
      plan.dispose();
      input.dispose();
    },
  };
}

function torchPlayer(torch: Torch, kind: "training" | "inference"): Player {
  const [first, again] = kind === "training" ? ["losses", "train"] as const : ["logits", "forward"] as const;
  return {
    output: async () => Float32Array.from(await torch.ask(first, kind === "training" ? COMPARED_STEPS : 1)),
    sample: (calls) => timed(() => torch.ask(again, calls)),
    dispose() {},
  };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
