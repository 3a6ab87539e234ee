/** What a block costs and what each of its forms would cost, known before anything is trained. */
import { UserError } from "../../errors.ts";
import { type Cost, graphCost } from "../../graph/cost.ts";
import { layerOf } from "../../graph/fuse.ts";
import { inferShapes } from "../../graph/infer.ts";
import { concrete } from "../../graph/shapes.ts";
import type { Graph } from "../../graph/types.ts";
import { stepEstimate } from "../../measure/latency/estimate.ts";
import { graphSteps } from "../../measure/latency/steps.ts";
import type { LatencyTable } from "../../measure/latency/types.ts";
import type { MergedLayer } from "../merge/plan.ts";
import type { MergeFormOptions } from "../merge/plan_form.ts";
import { blockIn, findBlocks } from "../blocks/find_blocks.ts";
import type { Block, Blocks, Border, FormName } from "../types.ts";
import { chooseBorders, withMovedBorders } from "./borders.ts";
import { FORM_NAMES, FORMS, refusalOf } from "./forms.ts";
import { type MergedForm, mergedForm, unfilled } from "./merged_form.ts";
import { settle } from "./settle.ts";

/** Of a block as it is, and in a form. */
export interface BeforeAfter {
  readonly before: number;
  readonly after: number;
}

/** A layer of a form. */
export interface FormLayer extends Pick<MergedLayer, "kind" | "kernel" | "channels" | "filters" | "group" | "border"> {
  /** Its node in the merged network. */
  readonly name: string;
}

/** What a form costs, merged. */
export interface FormCost {
  /** The block's name. */
  readonly block: string;
  readonly form: FormName;
  /** What is left of the block's layers, merged ones and those that stay, in order of execution. */
  readonly layers: readonly FormLayer[];
  /** Why nothing of it is merged, as a clause, where that is so: it is priced as it stands. */
  readonly unmerged?: string;
  /** Multiply-adds for one sample. */
  readonly macs: BeforeAfter;
  /** Numbers stored, statistics of batch norms included. */
  readonly params: BeforeAfter;
  /** Of those numbers, and of indices. */
  readonly bytes: BeforeAfter;
  /** ms of one run at the table's batch; undefined without a table, and where it can't price both. */
  readonly ms: BeforeAfter | undefined;
  /** Why a table can't price it. */
  readonly unpriced?: string;
}

/** Why a block has no such form, or none that is worth it, as a clause. */
export interface FormRefused {
  readonly block: string;
  readonly form: FormName;
  readonly refused: string;
}

/** How forms are merged, and by which table they are priced; without one nothing is said about ms. */
export interface FormCostOptions extends MergeFormOptions {
  /** Where the form has its padding (chooseBorders); default "exact": where the block has it. */
  readonly border?: Border | "auto";
}

/**
 * What one block costs in one form.
 *
 * @throws UserError when the graph isn't valid
 */
export function formCost(
  graph: Graph,
  block: Block,
  form: FormName,
  options: FormCostOptions = {},
): FormCost | FormRefused {
  const about = { block: block.name, form };
  const merged = formed(graph, block, form, options);
  if (typeof merged === "string") return { ...about, refused: merged };
  const own = new Set(block.nodes);
  const whole = graphCost(graph);
  const cost = [...whole.nodes].filter(([name]) => own.has(name)).map(([, node]) => node);
  const after = graphCost(merged.graph);
  const both = (key: keyof Cost): BeforeAfter => {
    const before = cost.reduce((sum, node) => sum + node[key], 0);
    return { before, after: before + after[key] - whole[key] };
  };
  return {
    ...about,
    layers: layersIn(merged, block),
    ...merged.unmerged !== undefined && { unmerged: merged.unmerged },
    macs: both("macs"),
    params: both("params"),
    bytes: both("bytes"),
    ...priced(graph, merged.graph, own, options.table),
  };
}

/** Forms of one block: those that save something, and why the others aren't offered. */
export interface BlockForms {
  readonly block: Block;
  readonly offered: readonly FormCost[];
  readonly refused: readonly FormRefused[];
}

/**
 * What each block could become, merged to whatever takes least. A form that takes as long as the block, or longer, isn't offered unless `all` asks for it: by the
 * table's ms where it prices both, by multiply-adds else.
 *
 * @throws UserError when the graph isn't valid
 */
export function blockForms(
  graph: Graph,
  { blocks }: Blocks,
  { table, all = false }: { readonly table?: LatencyTable; readonly all?: boolean } = {},
): readonly BlockForms[] {
  return blocks.map((block) => {
    const offered: FormCost[] = [];
    const refused: FormRefused[] = [];
    for (const form of namesFor(block)) {
      const cost = formCost(graph, block, form, { table, layers: "fastest" });
      if ("refused" in cost || saves(cost)) put(cost);
      else {
        const one = formCost(graph, block, form, { table, layers: "one" });
        const whole = "refused" in one ? cost : one;
        put(all ? whole : { block: block.name, form, refused: lossOf(whole) });
      }
    }
    return { block, offered, refused };

    function put(cost: FormCost | FormRefused): void {
      if ("refused" in cost) refused.push(cost);
      else offered.push(cost);
    }
  });
}

function saves({ ms, macs }: FormCost): boolean {
  const { before, after } = ms ?? macs;
  return after < before;
}

function lossOf({ ms, macs, unmerged }: FormCost): string {
  if (unmerged !== undefined) return unmerged;
  const { before, after } = ms ?? macs;
  const times = (after / before).toFixed(2);
  return ms ? `merged it takes ${times} times as long` : `merged it takes ${times} times the multiply-adds`;
}

/** As few multiply-adds as can be, one layer, and one without kernels by region. */
const FORMED: readonly FormCostOptions[] = [{ layers: "fewest macs" }, { layers: "one" }, {
  layers: "one",
  border: "auto",
}];

/**
 * The network once for each form that some block can take, merged: what a latency table has to hold that prices them all.
 *
 * @throws UserError when the graph isn't valid
 */
export function formGraphs(graph: Graph, { blocks }: Blocks): readonly Graph[] {
  return blocks.flatMap((block) =>
    namesFor(block).flatMap((form) =>
      FORMED.flatMap((options) => {
        const merged = formed(graph, block, form, options);
        return typeof merged === "string" ? [] : [merged.graph];
      })
    )
  );
}

/** The same for a network whose blocks are still to be found, as a latency table's `also` takes them. */
export function formedNetworks(graph: Graph): readonly { readonly graph: Graph }[] {
  return formGraphs(graph, findBlocks(graph)).map((formed) => ({ graph: formed }));
}

/** The forms that are for blocks of this kind. */
function namesFor({ kind }: Block): readonly FormName[] {
  return FORM_NAMES.filter((form) => FORMS[form].kinds.includes(kind));
}

/** The network with the form in the block's place, merged, or why there is none. */
function formed(graph: Graph, block: Block, form: FormName, options: FormCostOptions): MergedForm | string {
  const refused = refusalOf(graph, block, FORMS[form]);
  if (refused !== undefined) return refused;
  const { model: mixed } = FORMS[form].mixed(unfilled(graph), block);
  const borders = chooseBorders(graph, [block], [form], options);
  return mergedForm(settle(withMovedBorders(mixed, [block], borders), "form").graph, block, options);
}

/** The layers between the block's two values. */
function layersIn({ graph, layers }: MergedForm, block: Block): readonly FormLayer[] {
  const shapes = inferShapes(graph);
  const own = new Set(blockIn(graph, block).nodes);
  const written = new Set<MergedLayer>();
  return graph.nodes.filter(({ name }) => own.has(name)).flatMap((node): FormLayer[] => {
    // A merged layer is called as the last one that it is made of.
    const merged = layers.find(({ nodes, output }) => nodes.includes(node.name) || output === node.name);
    const inference = layerOf(graph, node);
    // The first of its nodes has the weight; a bias, or one for each region, may stand behind it.
    if (merged && !written.has(merged)) {
      written.add(merged);
      const { kind, kernel, channels, filters, group, border } = merged;
      return [{ name: node.name, kind, kernel, channels, filters, group, border }];
    }
    if (!inference) return [];
    const weight = graph.params[node.inputs[1]].shape;
    const problem = inference.layer(node, concrete(shapes.get(node.inputs[0])!, 1), weight);
    const plain = { name: node.name, border: "none" } as const;
    if (problem.kind === "linear") {
      return [{ ...plain, kind: "linear", kernel: [1, 1], channels: problem.k, filters: problem.n, group: 1 }];
    }
    const { kernel, channels, filters, groups: group } = problem.conv;
    return [{ ...plain, kind: "conv", kernel, channels, filters, group }];
  });
}

/** By a table: the block's steps, and what the network takes with the form but for the steps outside of the block. */
function priced(
  graph: Graph,
  merged: Graph,
  own: ReadonlySet<string>,
  table: LatencyTable | undefined,
): Pick<FormCost, "ms" | "unpriced"> {
  if (!table) return { ms: undefined };
  try {
    const unknown = unknownWork(merged, table);
    if (unknown !== undefined) return { ms: undefined, unpriced: unknown };
    const estimate = stepEstimate(table);
    const steps = estimate(graph);
    const sum = (times: Iterable<number>) => Array.from(times).reduce((total, ms) => total + ms, 0);
    const before = sum([...steps].filter(([name]) => own.has(name)).map(([, ms]) => ms));
    return { ms: { before, after: before + sum(estimate(merged).values()) - sum(steps.values()) } };
  } catch (error) {
    if (error instanceof UserError) return { ms: undefined, unpriced: error.message };
    throw error;
  }
}

/** What multiplies without being a layer of the table, such as attention, is priced only where it was measured by its name. */
function unknownWork(graph: Graph, { rest, model, batch }: LatencyTable): string | undefined {
  const { nodes } = graphCost(graph);
  const step = graphSteps(graph).find(({ kind, name }) =>
    kind === "rest" && nodes.get(name)!.macs > 0 && !rest.some((known) => known.name === name)
  );
  return step && `"${step.name}" isn't in the latency table of "${model}" at batch ${batch}`;
}
