/**
 * What a network from a file has to stand: ONNX Runtime, the float64 reference, the interpreter and the plan agree on it,
 * on what is written of it, and on the half of it that stays when its least filters go.
 */
import * as assert from "uvu/assert";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import { compareOutputs } from "../../src/graph/compare.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { runInterpreter, runPlan } from "../../src/graph/equivalence.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { HostTensor, Model } from "../../src/graph/types.ts";
import { prune } from "../../src/prune/prune_model.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { randomInputs } from "../generate/graphs.ts";
import { runtime } from "./judges.ts";

export interface JudgedFile {
  readonly bytes: Uint8Array;
  /** Default: random numbers. */
  readonly input?: HostTensor;
  /** Samples of a random input; default 2. */
  readonly batch?: number;
  /** What comes out by other means; default: what ONNX Runtime makes of the file. */
  readonly expected?: Float32Array;
  /** Default 1e-5 of the largest output. */
  readonly limit?: number;
  /** The part of the multiply-adds that stay; default a half. 1: nothing is pruned. */
  readonly macs?: number;
}

/** @throws where any two of them differ; the network as it was read */
export async function judgeFile(gpu: Gpu, name: string, file: JudgedFile): Promise<Model> {
  const { bytes, limit = 1e-5, macs = 0.5 } = file;
  const model = loadOnnx(bytes, name);
  const [{ name: inputName }] = model.graph.inputs;
  const input = file.input ?? randomInputs(model.graph, 7, file.batch ?? 2)[inputName];
  const expected = file.expected ?? await runtime(bytes, input);
  const near = (what: string, truth: Float32Array | Float64Array, got: Float32Array | Float64Array) => {
    assert.is(got.length, truth.length, `${name}, ${what}`);
    const { maxRel } = compareOutputs(truth, got);
    assert.ok(maxRel <= limit, `${name}, ${what}: off by ${maxRel}`);
  };
  const exact = (of: Model) => referenceForward(of, { [inputName]: input }).get(of.graph.outputs[0])!.data;
  const hold = async (what: string, of: Model, truth: Float32Array | Float64Array) => {
    const batch = input.shape[0];
    near(`${what}, in float64`, truth, exact(of));
    near(`${what}, plan`, truth, await runPlan(gpu, of, input.data, batch));
    near(`${what}, interpreter`, truth, await runInterpreter(gpu, of, input.data, batch));
    near(`${what}, written, in ONNX Runtime`, truth, await runtime(onnxBytes(of), input));
  };
  await hold("as it was read", model, expected);
  if (macs === 1) return model;
  const pruned = prune(model, { budget: { macs } });
  const small = compact(pruned.model).model;
  const left = graphCost(small.graph).macs / graphCost(model.graph).macs;
  assert.ok(left <= macs, `${name}: ${left} of the multiply-adds are left`);
  await hold("pruned", small, exact(pruned.model));
  return model;
}
