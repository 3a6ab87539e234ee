/** The networks of all genes over one map of parameters (docs/engine.md): a gene picks the graph, and nothing is copied. */
import { freshName, takenNames } from "../../graph/names.ts";
import { isBatchNorm } from "../../graph/roles.ts";
import type { Graph, Model, Node, Params, ParamSpec } from "../../graph/types.ts";
import { withMovedBorders } from "../forms/borders.ts";
import { settle } from "../forms/settle.ts";
import { keyOf } from "../search/gene_space.ts";
import type { Block, Border, FormName, Gene } from "../types.ts";

/** One block mixed with its form. */
export interface MixedBlock {
  /** As it was found in the network before anything was mixed. */
  readonly block: Block;
  /** The form that it takes where a gene changes it; "keep" where no gene can. */
  readonly form: FormName | "keep";
  /** Names of the Mix nodes that choose between the two. */
  readonly mixes: readonly string[];
  /** Where the form has its padding; default: where the block has it. */
  readonly border?: Border;
}

/** A supernet: each block as it is or in one form. */
export interface GeneFamily {
  /** In the order of the network's blocks. */
  readonly blocks: readonly MixedBlock[];
  /** Of every gene: those of the network and of all forms, and a form's own copies of norms that stay in it. */
  readonly params: Params;
  /** The network in which the blocks that aren't "keep" in the gene have their form. The same gene gives the same object. */
  graph(gene: Gene): Graph;
  /** The same with the parameters that it reads. */
  model(gene: Gene, params?: Params): Model;
}

/** Graphs that are kept: those of a net of six blocks all fit, and of a larger one those drawn last. */
const KEPT_GRAPHS = 128;

/**
 * The family of a network whose blocks are mixed with their forms, padding where it was. A batch norm that a form leaves where it is gets a second
 * set of parameters, which passes with the form read: what flows through it isn't what flows there in the block.
 */
export function geneFamily(mixed: Model, blocks: readonly MixedBlock[]): GeneFamily {
  const copies = formNorms(mixed, blocks);
  const specs: Record<string, ParamSpec> = { ...mixed.graph.params };
  const params = new Map(mixed.params);
  for (const norm of copies.values()) {
    for (const [own, copy] of norm.names) {
      specs[copy] = specs[own];
      params.set(copy, params.get(own)!);
    }
  }
  const graphs = new Map<string, Graph>();
  const build = (gene: Gene): Graph => {
    const changed = blocks.map((_, b) => gene[b] !== "keep");
    const kept = new Set(blocks.flatMap(({ mixes }, b) => changed[b] ? [] : mixes));
    const nodes = mixed.graph.nodes.map((node): Node => {
      // Settling takes what stands second: the form.
      if (kept.has(node.name)) return { ...node, inputs: node.inputs.toReversed() };
      const copy = copies.get(node.name);
      if (!copy || !changed[copy.block]) return node;
      return { ...node, inputs: node.inputs.map((input) => copy.names.get(input) ?? input) };
    });
    const settled = settle({ graph: { ...mixed.graph, nodes, params: specs }, params }, "form");
    const borders = blocks.map(({ border = "exact" }, b) => changed[b] ? border : "exact");
    return withMovedBorders(settled, blocks.map(({ block }) => block), borders).graph;
  };
  const family: GeneFamily = {
    blocks,
    params,
    graph(gene) {
      const key = keyOf(gene);
      const graph = graphs.get(key) ?? build(gene);
      // The one that was asked for last stands last.
      graphs.delete(key);
      graphs.set(key, graph);
      if (graphs.size > KEPT_GRAPHS) graphs.delete(graphs.keys().next().value!);
      return graph;
    },
    model(gene, values = params) {
      const graph = family.graph(gene);
      return { graph, params: new Map(Object.keys(graph.params).map((name) => [name, values.get(name)!])) };
    },
  };
  return family;
}

/** The gene that changes every block that has a form. */
export function fullGene({ blocks }: Pick<GeneFamily, "blocks">): readonly (FormName | "keep")[] {
  return blocks.map(({ form }) => form);
}

/** A batch norm of the network that stays in a block's form. */
interface FormNorm {
  /** Of which block. */
  readonly block: number;
  /** Parameter -> the form's copy of it. */
  readonly names: ReadonlyMap<string, string>;
}

/** By the norms' node names: those of a block that its form has as well. */
function formNorms(mixed: Model, blocks: readonly MixedBlock[]): ReadonlyMap<string, FormNorm> {
  const taken = takenNames(mixed.graph);
  const stays = settle(mixed, "form").graph.nodes.filter(isBatchNorm);
  return new Map(
    blocks.flatMap(({ block: { nodes } }, block) =>
      stays.filter(({ name }) => nodes.includes(name)).map(({ name, inputs }) => {
        const names = new Map(inputs.slice(1).map((param) => [param, freshName(taken, `${param}.pruned`)]));
        return [name, { block, names }] as const;
      })
    ),
  );
}
