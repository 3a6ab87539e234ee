/** Operands that were repeated to the shape of the other one: sums and products do it themselves, and pruning follows them. */
import { inferShapes } from "../../../graph/infer.ts";
import type { Model, Node, Shape } from "../../../graph/types.ts";

const ARITHMETIC: readonly Node["op"][] = ["Add", "Sub", "Mul", "Div"];

/** The model whose sums, differences, products and quotients read what was repeated; the repetition may be left over. */
export function fuseExpanded(model: Model): Model {
  const { graph } = model;
  const shapes = inferShapes(graph);
  const makers = new Map(graph.nodes.map((node) => [node.outputs[0], node]));
  const nodes = graph.nodes.map((node) => {
    if (!ARITHMETIC.includes(node.op)) return node;
    for (const [at, other] of [[0, 1], [1, 0]]) {
      const source = repeatedOf(makers.get(node.inputs[at]), makers, shapes);
      const whole = shapes.get(node.inputs[other]);
      if (source === undefined || whole?.join() !== shapes.get(node.outputs[0])!.join()) continue;
      return { ...node, inputs: node.inputs.with(at, source) };
    }
    return node;
  });
  return { ...model, graph: { ...graph, nodes } };
}

/** [N,C,1,1] that a Resize repeats along rows and columns, or [N,1,…] that a Gather repeats along channels. */
function repeatedOf(
  maker: Node | undefined,
  makers: ReadonlyMap<string, Node>,
  shapes: ReadonlyMap<string, Shape>,
): string | undefined {
  if (maker?.op === "Identity") return repeatedOf(makers.get(maker.inputs[0]), makers, shapes);
  const source = maker && shapes.get(maker.inputs[0])!;
  if (maker?.op === "Resize" && source?.slice(2).every((d) => d === 1)) return maker.inputs[0];
  if (maker?.op === "Gather" && source?.[1] === 1) return maker.inputs[0];
  return undefined;
}
