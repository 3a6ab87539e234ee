/** Every operator's rule (src/prune/rules), held against the reference interpreter on networks with random zeros. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { assertEquivalent } from "../../src/graph/equivalence.ts";
import { inferShapes } from "../../src/graph/infer.ts";
import type { Model, OpName } from "../../src/graph/types.ts";
import { numberChannels } from "../../src/prune/groups/channels.ts";
import { weigh } from "../../src/prune/groups/dependency_graph.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { constants } from "../../src/prune/rewrite/constant_propagation.ts";
import { removeUnused } from "../../src/prune/rewrite/unused.ts";
import { RULES } from "../../src/prune/rules/table.ts";
import { elements } from "../../src/tensor/tensor.ts";
import { randomInputs, randomParams } from "../generate/graphs.ts";
import { randomlyMasked } from "../generate/masks.ts";
import { OPERATOR_CASES, operatorGraph } from "../generate/operators.ts";
import { widened } from "../generate/widen.ts";
import { testGpu } from "../gpu.ts";
import { drawn } from "../long.ts";
import { difference, forward } from "./equal.ts";

const test = suite("operators' rules");

const SEEDS = drawn({ suite: 6, nightly: 24 });

test("every operator that has a rule has networks to test it with", () => {
  const without = (Object.keys(RULES) as OpName[]).filter((op) =>
    OPERATOR_CASES[op].every((found) =>
      !operatorGraph(op, found).nodes.some((node) => node.name === "op" && node.op === op)
    )
  );
  assert.equal(without, []);
});

for (const op of Object.keys(RULES) as OpName[]) {
  for (const found of OPERATOR_CASES[op]) {
    test(`${op} ${found.title}: a network with random zeros computes the same without them`, () => {
      const graph = operatorGraph(op, found);
      const why = numberChannels(graph, inferShapes(graph)).whole.get("op");
      if (found.whole) assert.match(why ?? "nothing", found.whole);
      else assert.is(why, undefined);
      let shrunk = 0, own = 0;
      for (let seed = 0; seed < SEEDS; seed++) {
        const model = widened(randomlyMasked({ graph, params: randomParams(graph, seed) }, seed));
        const values = forward(model, model, seed);
        assertTrueConstants(model, values, seed);
        const unused = difference(model, removeUnused(model).model, seed, values);
        assert.ok(unused <= 1e-12, `seed ${seed}: removing unused numbers changed the output by ${unused}`);
        const small = compact(model).model;
        const gap = difference(model, small, seed, values);
        assert.ok(gap <= 1e-9, `seed ${seed}: compaction changed the output by ${gap}`);
        const filters = small.graph.params["before.weight"]?.shape[0] ?? 0;
        if (filters > 0 && filters < 6) shrunk++;
        const [made, left] = [model, small].map(({ graph: { params } }) => elements(params["op.weight"]?.shape ?? []));
        if (left < made) own++;
      }
      if (found.whole || found.needsAll) assert.is(shrunk, 0, "a part of the channels went");
      else assert.ok(shrunk >= SEEDS / 8, `only ${shrunk} of ${SEEDS} networks lost channels before the operator`);
      if (found.needsAll) assert.ok(own >= SEEDS / 8, `only in ${own} of ${SEEDS} networks the layer lost filters`);
    });
  }
}

test("on the device compact networks of every operator are equivalent to the masked ones", async () => {
  const gpu = await testGpu();
  for (const op of Object.keys(RULES) as OpName[]) {
    const graph = operatorGraph(op, OPERATOR_CASES[op][0]);
    const model = randomlyMasked({ graph, params: randomParams(graph, 3) }, 3);
    const { input } = randomInputs(graph, 3, 2);
    await assertEquivalent(gpu, model, compact(model).model, input.data, 2);
  }
});

/** What constant propagation says of a channel is what the reference interpreter computes for it. */
function assertTrueConstants(model: Model, values: ReturnType<typeof forward>, seed: number): void {
  const dependencies = weigh(model);
  const known = constants(dependencies);
  for (const name of dependencies.channels.values) {
    const value = values.get(name);
    // What an anchor makes stands in no file.
    if (!value) continue;
    const { shape, data } = value;
    const axis = dependencies.channels.axis(name);
    const inner = elements(shape.slice(axis + 1));
    data.forEach((value, i) => {
      const j = Math.floor(i / inner) % shape[axis];
      const claim = known.valueOf(dependencies.channels.base(name) + j);
      const wrong = claim !== undefined && !(Math.abs(value - claim) < 1e-9 * (1 + Math.abs(claim)));
      assert.not(wrong, `seed ${seed}: channel ${j} of "${name}" is said to be ${claim}, and is ${value}`);
    });
  }
}

test.run();
