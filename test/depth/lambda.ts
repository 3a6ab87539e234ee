/** Mixed networks at a λ, on the device and in float64. */
import type { Gpu } from "../../src/gpu/gpu.ts";
import { executeOutputs } from "../../src/graph/execute.ts";
import { concrete } from "../../src/graph/shapes.ts";
import { type NumericTensor, referenceForward } from "../../src/graph/reference/forward.ts";
import { inferShapes } from "../../src/graph/infer.ts";
import { isMix } from "../../src/graph/roles.ts";
import type { Graph, HostTensor, Model, Node, ParamSpec } from "../../src/graph/types.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { readTensors, Tensor } from "../../src/tensor/tensor.ts";

/** The first output of one pass in evaluation at this λ. */
export async function forwardAt(
  gpu: Gpu,
  { graph, params }: Model,
  x: HostTensor,
  lambda: number,
): Promise<Float32Array> {
  using tape = new Tape(gpu, "eval");
  const tensors = new Map(
    Array.from(params, ([name, { shape, data }]) => [name, tape.own(Tensor.from(gpu, data, shape))]),
  );
  const input = tape.own(Tensor.from(gpu, x.data, x.shape));
  return (await readTensors(executeOutputs(tape, graph, tensors, input, { mix: lambda })))[0];
}

/** The network's first output in float64 at this λ: each Mix is written as (1 − λ)·a + λ·b. */
export function referenceAt(
  { graph, params }: { readonly graph: Graph; readonly params: ReadonlyMap<string, NumericTensor> },
  x: NumericTensor,
  lambda: number,
  mode: "eval" | "train" = "eval",
): Float64Array {
  const written = withoutMixes(graph);
  const factors = new Map<string, NumericTensor>();
  for (const [name, { shape }] of Object.entries(written.params)) {
    if (graph.params[name]) continue;
    const value = name.endsWith(".block") ? 1 - lambda : lambda;
    factors.set(name, { shape, data: new Float64Array(shape[0]).fill(value) });
  }
  const values = referenceForward({ graph: written, params: new Map([...params, ...factors]) }, {
    [graph.inputs[0].name]: x,
  }, { mode });
  return values.get(graph.outputs[0])!.data;
}

function withoutMixes(graph: Graph): Graph {
  const shapes = inferShapes(graph);
  const params: Record<string, ParamSpec> = { ...graph.params };
  const nodes = graph.nodes.flatMap((node): Node[] => {
    if (!isMix(node)) return [node];
    const [y] = node.outputs;
    const parts = ["block", "form"].map((part, i): Node => {
      const name = `${y}.${part}`;
      params[name] = { shape: [shapes.get(y)![1] as number], role: "gamma" };
      return { name: `${name}.part`, op: "Mul", inputs: [node.inputs[i], name], outputs: [`${name}.part`], attrs: {} };
    });
    const sum = parts.map(({ outputs }) => outputs[0]);
    return [...parts, { name: node.name, op: "Add", inputs: sum, outputs: node.outputs, attrs: {} }];
  });
  return { ...graph, nodes, params };
}

/** Standard normal numbers for the network's only input. */
export function noise({ inputs: [{ shape }] }: Graph, draw: () => number, batch = 3): HostTensor {
  const full = concrete(shape, batch);
  return { shape: full, data: Float32Array.from({ length: full.reduce((a, b) => a * b, 1) }, draw) };
}
