/** ADMM on a device that binds 256 KiB at most ends where it ends without that limit. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import type { HostTensor } from "../../src/graph/types.ts";
import { createAdmm } from "../../src/prune/methods/admm.ts";
import { type ConstraintOptions, coupledConstraints } from "../../src/prune/structures/constraints.ts";
import { createTrainState } from "../../src/train/state.ts";
import { randomParams } from "../generate/graphs.ts";
import { openGpu } from "../gpu/kernels.ts";
import { nmse } from "../oracle/mid_graph.ts";

const test = suite("ADMM above the binding limit");

/** A weight of 300 × `inputs`, about 600 KiB, of which a window holds less than half. */
function net(inputs: number) {
  const b = builder("net", ["N", inputs]);
  b.gemm(b.relu(b.gemm(b.input, { name: "wide", out: 300 })), { name: "head", out: 7 });
  return b.graph();
}

async function pruned(gpu: Gpu, options: ConstraintOptions): Promise<Map<string, HostTensor>> {
  // Blocks of 4 columns divide into windows where 64 of them go into a row twice.
  const graph = net(options.granularity === "block" ? 512 : 500);
  const state = createTrainState(gpu, [graph], randomParams(graph, 4));
  const admm = createAdmm(state, coupledConstraints(graph, options), { rhos: [0.1, 0.2] });
  admm.start();
  await admm.update(0);
  const duals = await admm.snapshot();
  await admm.hardPrune();
  const params = await state.download();
  admm.dispose();
  state.dispose();
  return new Map([...duals, ...params]);
}

const STRUCTURES: readonly ConstraintOptions[] = [
  { granularity: "filter", keep: 0.4, layers: ["wide"] },
  { granularity: "column", keep: 0.3, layers: ["wide"] },
  { granularity: "weight", keep: 0.2, layers: ["wide"] },
  { granularity: "block", block: [4, 4], keep: 0.25, layers: ["wide"] },
  { granularity: "n:m", n: 2, m: 4, keep: 0.5, layers: ["wide"] },
];

for (const options of STRUCTURES) {
  test(options.granularity, async () => {
    using limited = await openGpu({ bindingBytes: 2 ** 18 });
    using free = await openGpu();
    const actual = await pruned(limited, options), expected = await pruned(free, options);
    const zeros = expected.get("wide.weight")!.data.filter((w) => w === 0).length;
    assert.ok(zeros > 10_000, `${zeros} zeros`);
    for (const [name, { data }] of expected) assert.ok(nmse(actual.get(name)!.data, data) < 1e-12, name);
  });
}

test.run();
