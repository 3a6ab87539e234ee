/** Every criterion on branches and on dimensions of heads: it scores them and the pruned network is proved, or it says why not. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { builder } from "../../src/graph/build.ts";
import type { Graph } from "../../src/graph/types.ts";
import { CRITERIA } from "../../src/prune/criteria/criteria.ts";
import { gatherFor } from "../../src/prune/criteria/gather.ts";
import { prune } from "../../src/prune/prune_model.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { coupledConstraints } from "../../src/prune/structures/constraints.ts";
import { vit } from "../generate/transformer.ts";
import { testGpu } from "../gpu.ts";
import { difference } from "./equal.ts";
import { modelOf } from "./models.ts";
import { randomPixels } from "./random_pixels.ts";

const test = suite("criteria of branches and heads");
const gpu = await testGpu();

const images = randomPixels({ count: 16, classes: 4 });

function convolutions(): Graph {
  const b = builder("g", ["N", 3, 6, 6]);
  let x = b.relu(b.conv(b.input, { name: "stem", out: 4, kernel: 3, pad: 1 }));
  for (const name of ["a", "b"]) {
    const inner = b.relu(
      b.batchNorm(b.conv(x, { name: `${name}1`, out: 4, kernel: 3, pad: 1 }), { name: `${name}n1` }),
    );
    const outer = b.batchNorm(b.conv(inner, { name: `${name}2`, out: 4, kernel: 3, pad: 1 }), { name: `${name}n2` });
    x = b.relu(b.add(outer, x));
  }
  b.gemm(b.flatten(b.globalAveragePool(x)), { name: "head", out: 4 });
  return b.graph();
}

/** Criteria that look at filters, norms of batches or maps, and so at nothing that a transformer has. */
const OF_CONVOLUTIONS = [
  "bn-scale",
  "fpgm",
  "synaptic-strength",
  "synflow",
  "activation",
  "apoz",
  "hrank",
  "chip",
  "flap",
  "reconstruction",
];

/** Criteria that say why they can't, by network and structure. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  "transformer layer": OF_CONVOLUTIONS,
  "transformer qk": OF_CONVOLUTIONS,
  "transformer v": OF_CONVOLUTIONS,
  "convolutions layer": ["fpgm", "synaptic-strength", "activation", "apoz", "hrank", "chip", "flap", "reconstruction"],
};

for (const [what, refused] of Object.entries(REFUSED)) {
  test(`${what}: ${CRITERIA.size - refused.length} criteria prune it, ${refused.length} are refused by name`, async () => {
    const [network, granularity] = what.split(" ") as [string, "layer" | "qk" | "v"];
    const model = modelOf(network === "transformer" ? vit("together") : convolutions());
    const constraints = coupledConstraints(model.graph, { granularity, keep: 0.5 });
    for (const [name, criterion] of CRITERIA) {
      const pruned = async () => {
        const evidence = await gatherFor({ gpu, model, data: images, criterion, constraints });
        return prune(model, { constraints: [{ granularity, keep: 0.5 }], criterion: name, evidence });
      };
      const found = await pruned().catch((error: Error) => error.message);
      if (refused.includes(name)) {
        assert.match(`${found}`, new RegExp(`^criterion ${name} can't score .*:${granularity}: `), name);
        continue;
      }
      if (typeof found === "string") throw new Error(`${name}: ${found}`);
      const { model: small } = compact(found.model);
      assert.ok(difference(found.model, small) <= 1e-5, name);
      assert.equal(found.kept.map(({ keep, groups }) => keep / groups), [0.5], name);
    }
  });
}

test.run();
