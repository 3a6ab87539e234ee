import type { Graph } from "../types.ts";
import type { LayoutOpName } from "./layout_ops.ts";

/** Operators that leave the numbers as they are. */
const MOVES: readonly string[] = ["Identity", "Reshape", "Flatten", "Transpose"] satisfies LayoutOpName[];

/** The name of the Softmax that makes the graph's first output, if one does. */
export function lastSoftmax({ nodes, outputs: [output] }: Graph): string | undefined {
  const maker = (value: string) => nodes.find(({ outputs }) => outputs.includes(value));
  let node = maker(output);
  while (node && MOVES.includes(node.op)) node = maker(node.inputs[0]);
  return node?.op === "Softmax" ? node.name : undefined;
}
