import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { HostTensor, Model, Params } from "../../src/graph/types.ts";
import { createAdmm } from "../../src/prune/methods/admm.ts";
import { coupledConstraints } from "../../src/prune/structures/constraints.ts";
import { maskModel, masksOf } from "../../src/prune/structures/masks.ts";
import { forEachElement } from "../../src/prune/structures/elements.ts";
import { topGroups } from "../../src/prune/structures/selection.ts";
import type { Constraint } from "../../src/prune/structures/types.ts";
import { createTrainState } from "../../src/train/state.ts";
import { randomParams } from "../generate/graphs.ts";
import { vit } from "../generate/transformer.ts";
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

async function hardPruned(
  model: Model,
  constraints: readonly Constraint[] = [
    ...coupledConstraints(model.graph, { granularity: "filter", keep: 0.5, layers: ["conv1"] }),
    ...coupledConstraints(model.graph, { granularity: "column", keep: 6 / 36, layers: ["conv2"] }),
  ],
): Promise<Map<string, HostTensor>> {
  const gpu = await testGpu();
  const state = createTrainState(gpu, [model.graph], model.params);
  const admm = createAdmm(state, constraints, { rhos: [1] });
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

test("each update tells which share of the groups it has chosen otherwise, and ρ may rise by it", async () => {
  const gpu = await testGpu();
  const model = net();
  const strong = (...filters: number[]) =>
    fill(model, "conv1.weight", (i) => filters.includes(Math.floor(i / 9)) ? 10 : 1);
  strong(0, 1);
  using state = createTrainState(gpu, [model.graph], model.params);
  const constraints = coupledConstraints(model.graph, { granularity: "filter", keep: 0.5, layers: ["conv1"] });
  const admm = createAdmm(state, constraints, { rhos: [1, 10, 100, 100], by: "support" });
  admm.start();
  assert.is(admm.rho, 1);
  // Filter 2 comes and filter 0 goes: two of four.
  strong(1, 2);
  state.weights.upload(new Map([["conv1.weight", model.params.get("conv1.weight")!]]));
  assert.equal([...(await admm.update(0)).support], [["conv1.weight", 0.5]]);
  assert.ok(Math.abs(admm.rho - 10 ** 1.5) < 1e-9, `${admm.rho}`);
  // U makes the weak ones 2 at most.
  assert.equal([...(await admm.update(1)).support], [["conv1.weight", 0]]);
  assert.is(admm.rho, 100);
  admm.dispose();
});

/** Over biases, γ and β as well: the device projects them together. */
function jointEnergies({ members, groups }: Constraint, params: Params): Float64Array {
  const energies = new Float64Array(groups);
  for (const member of members) {
    const { data } = params.get(member.param)!;
    forEachElement(member, groups, (group, element) => energies[group] += data[element] ** 2);
  }
  return energies;
}

test("coupling groups of several filters: the device keeps those of the largest norm, whole, in every tensor", async () => {
  const b = builder("units", ["N", 3, 6, 6]);
  const x = b.relu(b.conv(b.input, { name: "in", out: 8, kernel: 3, pad: 1 }));
  const y = b.relu(b.batchNorm(b.conv(x, { name: "wide", out: 12, kernel: 3, pad: 1, group: 2 }), { name: "bn" }));
  const z = b.groupNorm(b.conv(y, { name: "normed", out: 6, kernel: 1 }), { name: "gn", groups: 3 });
  b.gemm(b.flatten(b.globalAveragePool(z)), { name: "head", out: 3 });
  // Of the five filters of `r` two belong to `p` as well, and three to `q`.
  const joined = builder("joined", ["N", 3, 6, 6]);
  const [p, q, r] = [2, 3, 5].map((out, i) => joined.conv(joined.input, { name: "pqr"[i], out, kernel: 1 }));
  joined.gemm(joined.flatten(joined.add(joined.concat([p, q]), r)), { name: "head", out: 3 });
  for (const graph of [b.graph(), joined.graph(), vit("apart"), vit("together")]) {
    const model = { graph, params: randomParams(graph, 3) };
    const constraints = coupledConstraints(graph, { granularity: "filter", keep: 0.5 });
    const masks = masksOf(
      constraints.map((constraint) => ({
        constraint,
        kept: topGroups(jointEnergies(constraint, model.params), constraint.keep),
      })),
      model.params,
    );
    const expected = maskModel(model, masks);
    const pruned = await hardPruned(model, constraints);
    for (const name of masks.keys()) {
      assert.equal(pruned.get(name)!.data, expected.params.get(name)!.data, `${graph.name} ${name}`);
    }
  }
});

test.run();
