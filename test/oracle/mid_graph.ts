/**
 * One operator in the middle of a small graph, checked on the device against the float64 reference: before it each value
 * passes a Mul by a parameter, after it comes a sum with random weights, loss = Σ c ⊙ y, so that an operator that ignores
 * the gradient from above, or doesn't hand its own on, is caught.
 */
import * as assert from "uvu/assert";
import { random } from "../../kernels/random/philox.ts";
import { type Builder, builder } from "../../src/graph/build.ts";
import { execute, type ExecuteOptions } from "../../src/graph/execute.ts";
import { type NumericTensor, referenceForward } from "../../src/graph/reference/forward.ts";
import type { Graph, HostTensor, Model, OpName } from "../../src/graph/types.ts";
import { mul } from "../../src/tensor/ops/pointwise.ts";
import { sum } from "../../src/tensor/ops/reduce.ts";
import { type Mode, Tape } from "../../src/tensor/tape.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { randomParams } from "../generate/graphs.ts";
import { assertClose } from "../tensor/check_op.ts";

export interface GraphCase {
  readonly op: OpName;
  readonly name: string;
  /** Of the graph's input, the batch first. */
  readonly shape: readonly number[];
  /** Builds the operator on values from `branch`, each the graph's input times a parameter of its own. */
  readonly build: (b: Builder, branch: () => string) => string;
}

export const EXECUTION: ExecuteOptions = { seed: 11, step: 5 };

/** Tolerances: Σ(a−e)²/Σe² of the values, and relative error of the gradients. */
const NMSE = 1e-11;
const GRADIENT_RTOL = 1e-4;
const STEP = 1e-5;
/** At most this many elements of a tensor are differentiated numerically. */
const PROBES = 12;

export function caseModel({ op, name, shape, build }: GraphCase): Model {
  const b = builder(`${op} ${name}`, ["N", ...shape.slice(1)]);
  let branches = 0;
  const branch = () => b.mul(b.input, b.param(`before${branches++}`, [b.channels(b.input)], "gamma"));
  const y = build(b, branch);
  const graph = b.graph([y]);
  return { graph, params: randomParams(graph, 3) };
}

/** Throws what differs: the values, or the gradient of the input or of a trainable parameter. */
export async function checkMidGraph(item: GraphCase, mode: Mode): Promise<void> {
  const gpu = await testGpu();
  const model = caseModel(item);
  const { graph, params } = model;
  const size = item.shape.reduce((a, b) => a * b, 1);
  const input = { shape: item.shape, data: random(5, item.name).fillNormal(new Float32Array(size), 0) };
  const oracle = oracleOf(model, mode, item.shape[0]);
  const expected = oracle(params, input);
  const c = random(7, "cotangent").fillNormal(new Float32Array(expected.length), 0);

  const tape = new Tape(gpu, mode);
  const upload = ({ shape, data }: HostTensor) => tape.own(Tensor.from(gpu, data, shape));
  const x = upload(input);
  const tensors = new Map(Array.from(params, ([name, tensor]) => [name, upload(tensor)]));
  const watched = new Map([["input", x], ...trainable(graph).map((name) => [name, tensors.get(name)!] as const)]);
  for (const tensor of watched.values()) tape.watch(tensor);
  const y = execute(tape, graph, tensors, x, EXECUTION);
  const kept = tape.own(Tensor.empty(gpu, y.shape));
  gpu.copy(y, kept);
  tape.backward(sum(tape, mul(tape, y, tape.own(Tensor.from(gpu, c, y.shape)))));
  const gradients = new Map([...watched].map(([name, tensor]) => {
    const gradient = tape.gradient(tensor);
    assert.ok(gradient, `${graph.name}, ${mode}: no gradient reaches ${name}`);
    return [name, gradient!] as const;
  }));
  const [actual, ...read] = await readTensors([kept, ...gradients.values()]);
  tape.dispose();

  const what = `${graph.name}, ${mode}`;
  const error = nmse(actual, expected);
  assert.ok(error <= NMSE, `${what}: NMSE ${error}`);
  const lossOf = (changed: string, data: Float64Array) => {
    const values: ReadonlyMap<string, NumericTensor> = changed === "input"
      ? params
      : new Map<string, NumericTensor>(params).set(changed, { shape: params.get(changed)!.shape, data });
    return oracle(values, changed === "input" ? { shape: input.shape, data } : input)
      .reduce((total, v, i) => total + v * c[i], 0);
  };
  [...gradients.keys()].forEach((name, i) => {
    const at = Float64Array.from(name === "input" ? input.data : params.get(name)!.data);
    const probes = chooseProbes(at.length);
    const numeric = probes.map((p) =>
      (lossOf(name, at.with(p, at[p] + STEP)) - lossOf(name, at.with(p, at[p] - STEP))) / (2 * STEP)
    );
    assertClose(probes.map((p) => read[i][p]), numeric, GRADIENT_RTOL, `${what}: gradient of ${name}`);
  });
}

/** The graph's output as a function of its parameters and input. Dropout is a Mul by the mask that the host draws. */
function oracleOf(
  { graph }: Model,
  mode: Mode,
  batch: number,
): (params: ReadonlyMap<string, NumericTensor>, input: NumericTensor) => Float64Array {
  const masks = new Map<string, NumericTensor>();
  const nodes = graph.nodes.map((node) => {
    if (node.op !== "Dropout" || mode === "eval") return node;
    const mask = `${node.name}.mask`;
    const shape = [batch, ...graph.inputs[0].shape.slice(1) as number[]];
    masks.set(mask, { shape, data: dropoutMask(node.name, node.attrs.ratio as number, shape) });
    return { ...node, op: "Mul" as const, inputs: [node.inputs[0], mask] };
  });
  return (params, input) =>
    referenceForward({ graph: { ...graph, nodes }, params: new Map([...params, ...masks]) }, { input }, { mode })
      .get(graph.outputs[0])!.data;
}

function dropoutMask(stream: string, ratio: number, shape: readonly number[]): Float64Array {
  const rng = random(EXECUTION.seed!, stream);
  const size = shape.reduce((a, b) => a * b, 1);
  return Float64Array.from({ length: size }, (_, i) => rng.uniform(EXECUTION.step!, i) < ratio ? 0 : 1 / (1 - ratio));
}

function trainable(graph: Graph): string[] {
  return Object.entries(graph.params).filter(([, { role }]) => role !== "mean" && role !== "variance")
    .map(([name]) => name);
}

export function nmse(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.is(actual.length, expected.length, "length");
  let error = 0;
  let power = 0;
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i] - expected[i]) ** 2;
    power += expected[i] ** 2;
  }
  return power === 0 ? error : error / power;
}

function chooseProbes(size: number): number[] {
  if (size <= PROBES) return Array.from({ length: size }, (_, i) => i);
  const rng = random(3, "probes");
  return [0, size - 1, ...Array.from({ length: PROBES - 2 }, (_, i) => rng.below(size, 0, i))];
}
