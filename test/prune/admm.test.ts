import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { HostTensor, Model } from "../../src/graph/types.ts";
import { createAdmm } from "../../src/prune/admm.ts";
import { coupledConstraints } from "../../src/prune/constraints.ts";
import { createTrainState } from "../../src/train/state.ts";
import { testGpu } from "../gpu.ts";

const test = suite("admm");

/** conv1 (4 filters) → conv2 (3 filters) → fc over 2×2 maps. */
function net(): Model {
  const b = builder("net", ["N", 1, 4, 4]);
  let x = b.relu(b.conv(b.input, { name: "conv1", out: 4, kernel: 3, pad: 1 }));
  x = b.maxPool(b.relu(b.conv(x, { name: "conv2", out: 3, kernel: 3, pad: 1 })), { kernel: 2 });
  b.gemm(b.flatten(x), { name: "fc", out: 5 });
  const graph = b.graph();
  return { graph, params: initialise(graph, 1) };
}

function fill(model: Model, name: string, value: (index: number) => number): void {
  const { data } = model.params.get(name)!;
  for (let i = 0; i < data.length; i++) data[i] = value(i);
}

async function hardPruned(model: Model): Promise<Map<string, HostTensor>> {
  const gpu = await testGpu();
  const state = createTrainState(gpu, model);
  const constraints = [
    ...coupledConstraints(model.graph, { granularity: "filter", keep: 0.5, layers: ["conv1"] }),
    ...coupledConstraints(model.graph, { granularity: "column", keep: 6 / 36, layers: ["conv2"] }),
  ];
  const admm = createAdmm(state, constraints, [1]);
  try {
    admm.start();
    await admm.hardPrune();
    return new Map(await state.download());
  } finally {
    admm.dispose();
    state.dispose();
  }
}

test("columns that read a pruned filter don't take the place of living ones", async () => {
  const model = net();
  // Filters 1 and 3 are strong; conv2 reads the weak ones hardest.
  fill(model, "conv1.weight", (i) => Math.floor(i / 9) % 2 === 1 ? 1 : 0.1);
  fill(model, "conv2.weight", (i) => {
    const [channel, tap] = [Math.floor(i / 9) % 4, i % 9];
    return channel % 2 === 0 ? 5 : 1 + tap / 10;
  });
  const { data } = (await hardPruned(model)).get("conv2.weight")!;
  const kept = new Set<number>();
  data.forEach((w, i) => w !== 0 && kept.add(i % 36));
  // The six strongest of channels 1 and 3: taps 6, 7, 8 of each.
  assert.equal([...kept].sort((a, b) => a - b), [15, 16, 17, 33, 34, 35]);
});

test("a pruned filter goes with its bias, and its rows stay out of what its own columns are worth", async () => {
  const model = net();
  fill(model, "conv1.bias", () => 1);
  fill(model, "conv1.weight", (i) => Math.floor(i / 9) < 2 ? 2 : 1);
  const pruned = await hardPruned(model);
  assert.equal([...pruned.get("conv1.bias")!.data], [1, 1, 0, 0]);
  assert.ok(pruned.get("conv1.weight")!.data.slice(18).every((w) => w === 0));
});

test.run();
