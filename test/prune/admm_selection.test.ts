/** Which groups ADMM's constraints keep on the device, with norms worked out by hand. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import { createSelection, type Ranking } from "../../src/prune/methods/admm_selection.ts";
import { type ConstraintOptions, constraintsOf } from "../../src/prune/structures/constraints.ts";
import { createArena } from "../../src/tensor/arena.ts";
import { createTrainState } from "../../src/train/state.ts";
import { testGpu } from "../gpu.ts";
import { modelOf } from "./models.ts";

const test = suite("ADMM's selection");

interface Layer {
  /** [filters, inputs] */
  readonly shape: readonly [number, number];
  readonly w: readonly number[];
  /** The duals of every constraint. */
  readonly u: readonly number[];
}

/** Constraint -> 1 for each group that it keeps. */
async function kept({ shape: [out, inputs], w, u }: Layer, all: readonly ConstraintOptions[], ranking: Ranking) {
  const gpu = await testGpu();
  const b = builder("g", ["N", inputs]);
  b.gemm(b.relu(b.gemm(b.input, { name: "a", out })), { name: "out", out: 2 });
  const { graph, params } = modelOf(b.graph(), { "a.weight": w, "a.bias": Array(out).fill(0) });
  const constraints = constraintsOf(graph, all);
  const state = createTrainState(gpu, [graph], params);
  const slots = constraints.flatMap(({ name, members }) =>
    members.map(({ param }) => ({ name: `${name}/${param}`, shape: graph.params[param].shape as readonly number[] }))
  );
  const duals = createArena(gpu, slots, "duals");
  duals.upload(
    new Map(
      slots.filter(({ name }) => name.endsWith("a.weight")).map(({ name, shape }) => [
        name,
        { shape, data: Float32Array.from(u) },
      ]),
    ),
  );
  const selection = createSelection(state, constraints, duals);
  try {
    selection.select(ranking);
    const found: Record<string, number[]> = {};
    for (const constraint of constraints) {
      found[constraint.name] = [...await selection.keptOf(constraint, constraint.members[0]).keep.read()];
    }
    return found;
  } finally {
    selection.dispose();
    duals.dispose();
    state.dispose();
  }
}

test("two of four weights, or the largest of all, are those of W + U at a Z-step and those of W at the hard prune", async () => {
  // W + U is 4, 3, 7, -6 in the first row.
  const layer: Layer = { shape: [2, 4], w: [4, 3, 2, -1, 1, 2, 3, 4], u: [0, 0, 5, -5, 0, 0, 0, 0] };
  const twoOfFour: ConstraintOptions[] = [{ granularity: "n:m", n: 2, m: 4, keep: 0.5, layers: ["a"] }];
  assert.equal(await kept(layer, twoOfFour, "with U"), { "a:n:m": [0, 0, 1, 1, 0, 0, 1, 1] });
  assert.equal(await kept(layer, twoOfFour, "W alone"), { "a:n:m": [1, 1, 0, 0, 0, 0, 1, 1] });
  const quarter: ConstraintOptions[] = [{ granularity: "weight", keep: 0.25, layers: ["a"] }];
  assert.equal(await kept(layer, quarter, "with U"), { "a:weight": [0, 0, 1, 1, 0, 0, 0, 0] });
  assert.equal(await kept(layer, quarter, "W alone"), { "a:weight": [1, 0, 0, 0, 0, 0, 0, 1] });
});

test("the rows of a filter that goes count for its layer's columns at a Z-step, and no more at the hard prune", async () => {
  // The energies of the filters are 18.61 and 16; of the columns 9, 16 and 9.61, and without the second filter 9, 0 and 9.61.
  const layer: Layer = { shape: [2, 3], w: [3, 0, 3.1, 0, 4, 0], u: [0, 0, 0, 0, 0, 0] };
  const both: ConstraintOptions[] = [
    { granularity: "filter", keep: 0.5, layers: ["a"] },
    { granularity: "column", keep: 0.33, layers: ["a"] },
  ];
  assert.equal(await kept(layer, both, "with U"), { "a:filter": [1, 0], "a:column": [0, 1, 0] });
  assert.equal(await kept(layer, both, "W alone"), { "a:filter": [1, 0], "a:column": [0, 0, 1] });
});

test("columns are ranked by all their weights, however many columns there are", async () => {
  // Column 5 has 9 + 9 and column 9, with the largest weight, 16.
  const w = new Array(2 * 65_536).fill(0);
  w[5] = w[65_536 + 5] = 3;
  w[9] = 4;
  const one: ConstraintOptions[] = [{ granularity: "column", keep: 1 / 65_536, layers: ["a"] }];
  const { "a:column": found } = await kept({ shape: [2, 65_536], w, u: w.map(() => 0) }, one, "W alone");
  assert.equal([found.indexOf(1), found.lastIndexOf(1)], [5, 5]);
});

test.run();
