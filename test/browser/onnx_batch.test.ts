/** Files whose batch stands anywhere: what is read of them computes what ONNX Runtime does. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { compareOutputs } from "../../src/graph/compare.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Model } from "../../src/graph/types.ts";
import { randomInputs } from "../generate/graphs.ts";
import { wandering } from "../generate/wandering.ts";
import { runtime } from "./judges.ts";

const test = suite("batches that wander");

const FILES = 50;

for (const batch of ["batch", 1, 2, 3] as const) {
  test(`${FILES} random files of ${batch === "batch" ? "any batch" : `a batch of ${batch}`}`, async () => {
    let read = 0;
    for (let seed = 0; seed < FILES; seed++) {
      const bytes = writeOnnx(wandering(seed, batch));
      const model = loaded(bytes, `seed ${seed}`);
      if (!model) continue;
      read++;
      const { input } = randomInputs(model.graph, seed, batch === "batch" ? 3 : batch);
      const ours = referenceForward(model, { input }).get("output")!.data;
      const gap = compareOutputs(ours, await runtime(bytes, input)).maxRel;
      assert.ok(gap <= 1e-5, `seed ${seed}: off by ${gap}`);
    }
    // Of one sample it can't always be told which axis of size 1 is the batch.
    assert.ok(read >= (batch === 1 ? 0.7 : 0.95) * FILES, `only ${read} of ${FILES} could be read`);
  });
}

/** Undefined for one that is refused, with a sentence. */
function loaded(bytes: Uint8Array, file: string): Model | undefined {
  try {
    return loadOnnx(bytes, file);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

test.run();
