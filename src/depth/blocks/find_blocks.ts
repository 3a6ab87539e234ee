/** The blocks of a network, told by how it is built and not by names. */
import { opOf } from "../../graph/ops/ops.ts";
import type { Graph, Node } from "../../graph/types.ts";
import type { Block, BlockKind, Blocks, RefusedBlock } from "../types.ts";
import { nameBlocks } from "./block_names.ts";
import { type Residual, residualOf } from "./parts.ts";
import { LAYER, LINEAR, RESIDUAL_KINDS, ROW_KINDS, SHORTCUT } from "./patterns.ts";
import { lettersOf, nodesBetween, type Step, type Steps, stepsOf } from "./steps.ts";

/** A block without its name, or why it is none. */
type Found = Omit<Block, "name" | "nodes"> & { readonly reason?: string };

/**
 * The blocks of a network in order of execution, and what looks like one and can't become one layer. No node is in two of them.
 *
 * @throws UserError when the graph isn't valid
 */
export function findBlocks(graph: Graph): Blocks {
  const network = stepsOf(graph);
  const found: Found[] = [];
  const claimed = new Set<Node>();
  const claim = (block: Found) => {
    const nodes = nodesBetween(network, block.input, block.output);
    if (nodes.some((node) => claimed.has(node))) return;
    for (const node of nodes) claimed.add(node);
    found.push(block);
  };
  // The last sum first: one of several branches is made of sums of fewer.
  for (const step of [...network.steps.values()].reverse()) {
    if (step.kind !== "sum") continue;
    const block = residualBlock(network, step);
    if (block) claim(block);
  }
  for (const [kind, pattern] of ROW_KINDS) {
    for (const row of rowsOutside(network, claimed)) {
      for (const { index, 0: { length } } of lettersOf(row).matchAll(pattern)) {
        const part = row.slice(index, index + length);
        const other = part.find((step) => step.kind === "other");
        const reason = other && reasonOf(network, other);
        claim({ kind, input: part[0].input, output: part.at(-1)!.output, ...reason && { reason } });
      }
    }
  }
  return sorted(network, found);
}

/** A block with the nodes that lie between its two values in this network, which a rewrite may have changed. */
export function blockIn(graph: Graph, block: Block): Block {
  const makers = new Map(graph.nodes.map((node) => [node.outputs[0], node]));
  const nodes = nodesBetween({ graph, makers }, block.input, block.output);
  return { ...block, nodes: nodes.map(({ name }) => name) };
}

/** The block that ends in this sum, if it does. */
function residualBlock(network: Steps, step: Step): Found | undefined {
  const residual = residualOf(network, step);
  if (!residual) return undefined;
  const { input, branches: [main, ...others] } = residual;
  const letters = lettersOf(main);
  const output = withActivation(network, residual.output);
  const leak = step.leak && `${step.leak.reader} reads "${step.leak.value}", which is made inside of it`;
  if (residual.branches.every((row) => LINEAR.test(lettersOf(row))) && LAYER.test(letters)) {
    return { kind: "branches", input, output, ...leak && { reason: leak } };
  }
  if (others.length !== 1 || !SHORTCUT.test(lettersOf(others[0]))) return undefined;
  const kind = residualKind(letters.replaceAll("X", ""));
  if (!kind) return undefined;
  const other = main.find((part) => part.kind === "other");
  const reason = (other && reasonOf(network, other)) ?? leak ?? (alongOneAxis(main) ? undefined : CROSSED);
  if (reason) return { kind, input, output, reason };
  const attention = kind === "mlp" ? attentionBefore(network, step) : undefined;
  return attention ? { kind: "transformer", input: attention.input, output } : { kind, input, output };
}

const CROSSED = "its layers work along different axes";

function residualKind(letters: string): BlockKind | undefined {
  return RESIDUAL_KINDS.find(([, pattern]) => pattern.test(letters))?.[0];
}

/** Why a step keeps a block from becoming one layer. */
function reasonOf({ shapes }: Steps, { nodes }: Step): string {
  const last = nodes.at(-1)!;
  if (nodes.some(isAttention)) return "its attention depends on all tokens";
  const pooled = nodes.some(({ outputs }) => shapes.get(outputs[0])!.slice(2).every((size) => size === 1));
  if (nodes.length > 1 && pooled) return "its squeeze-excite gate depends on the whole image";
  return `"${last.name}" (${last.op}) in it is neither linear nor a function of single numbers`;
}

/** Whether each layer and norm of a row finds its channels where those before it have left them. */
function alongOneAxis(row: readonly Step[]): boolean {
  let at: number | undefined;
  for (const { axis, perm } of row) {
    if (axis !== undefined && at !== undefined && axis !== at) return false;
    at = perm && at !== undefined ? perm.indexOf(at) : axis ?? at;
  }
  return true;
}

/** The attention whose sum a transformer's MLP reads: a residual block itself, of which one branch multiplies values. */
function attentionBefore(network: Steps, mlp: Step): Residual | undefined {
  const step = network.steps.get(mlp.input);
  if (step?.kind !== "sum" || step.leak || !isReadOnlyBy(network, mlp.input, mlp)) return undefined;
  const residual = residualOf(network, step);
  if (residual?.branches.length !== 2 || residual.branches[1].length > 0) return undefined;
  return residual.branches[0].some(({ nodes }) => nodes.some(isAttention)) ? residual : undefined;
}

/** A product of values with values. */
function isAttention(node: Node): boolean {
  const { inputs } = opOf(node);
  return inputs.length === 3 && inputs.every(({ takes }) => takes === "activation");
}

/** A value, or what the activation makes of it that alone reads it. */
function withActivation(network: Steps, value: string): string {
  const last = network.readers.get(value)?.at(-1)?.outputs[0];
  const step = last === undefined ? undefined : network.steps.get(last);
  const alone = step?.kind === "activation" && step.input === value && !step.leak && isReadOnlyBy(network, value, step);
  return alone ? step.output : value;
}

function isReadOnlyBy({ graph, readers }: Steps, value: string, { nodes }: Step): boolean {
  return !graph.outputs.includes(value) && (readers.get(value) ?? []).every((node) => nodes.includes(node));
}

/** The longest rows of steps of which no node is claimed: what each makes is read by the next one alone. */
function rowsOutside(network: Steps, claimed: ReadonlySet<Node>): readonly (readonly Step[])[] {
  const rows = new Map<string, Step[]>();
  for (const step of network.steps.values()) {
    if (step.leak || step.nodes.some((node) => claimed.has(node))) continue;
    const { input, output } = step;
    const before = rows.get(input);
    const row = before && isReadOnlyBy(network, input, step) ? before : [];
    row.push(step);
    if (row === before) rows.delete(input);
    rows.set(output, row);
  }
  return [...rows.values()];
}

/** In order of execution, with their names. */
function sorted(network: Steps, found: readonly Found[]): Blocks {
  const { graph } = network;
  const places = new Map(graph.nodes.map(({ outputs: [value] }, i) => [value, i]));
  const ordered = found.toSorted((a, b) => places.get(a.output)! - places.get(b.output)!)
    .map((block) => ({ ...block, nodes: nodesBetween(network, block.input, block.output).map(({ name }) => name) }));
  const names = nameBlocks(graph, ordered.map(({ nodes }) => nodes));
  const blocks: Block[] = [];
  const refused: RefusedBlock[] = [];
  ordered.forEach(({ kind, input, output, nodes, reason }, i) => {
    if (reason === undefined) blocks.push({ kind, name: names[i], nodes, input, output });
    else refused.push({ kind, name: names[i], reason });
  });
  return { blocks, refused };
}
