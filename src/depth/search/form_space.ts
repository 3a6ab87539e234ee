/** The genes of a network, priced before anything is trained: each form at the cost of the layers that it merges into. */
import type { Model } from "../../graph/types.ts";
import { graphCost } from "../../graph/cost.ts";
import { elements } from "../../tensor/tensor.ts";
import { applyGene, formsOf } from "../forms/forms.ts";
import { settle } from "../forms/settle.ts";
import { mergedGraph, planBlock } from "../merge/merge.ts";
import type { Block, Choice, FormName } from "../types.ts";
import type { CostUnit, GeneSpace } from "./gene_space.ts";

/** What a space is made of. */
export interface FormSpaceOptions {
  readonly model: Model;
  /** All of its blocks, in order of execution. */
  readonly blocks: readonly Block[];
  /** The forms that each block may take, where it can. */
  readonly forms: readonly FormName[];
  readonly unit: CostUnit;
  /** What a network takes on a device, in ms; for that unit. */
  readonly estimate?: (model: Model) => number;
}

/** The choices of each block and what they cost; costs are taken to add up over the blocks. */
export function formSpace(options: FormSpaceOptions): GeneSpace {
  const { model, blocks, forms, unit } = options;
  const whole = costIn(options, model);
  const found = blocks.map((block, b): { choices: Choice[]; costs: number[] } => {
    const own = formsOf(model.graph, block).filter((form) => forms.includes(form));
    const costs = own.map((form) => costIn(options, mergedAlone(model, blocks, b, form)) - whole);
    return { choices: ["keep", ...own], costs: [0, ...costs] };
  });
  return {
    blocks: blocks.map(({ name }) => name),
    choices: found.map(({ choices }) => choices),
    cost: { rest: whole, blocks: found.map(({ costs }) => costs) },
    unit,
  };
}

/** The network with one block in a form and merged, where it can be; its numbers play no part. */
function mergedAlone(model: Model, blocks: readonly Block[], at: number, form: FormName): Model {
  const gene = blocks.map((_, b) => b === at ? form : "keep");
  const { graph } = settle(applyGene(model, { blocks, refused: [] }, gene).model, "form");
  const plans = planBlock(graph, blocks[at]);
  const merged = "refused" in plans ? graph : mergedGraph(graph, plans);
  const params = Object.entries(merged.params).map(([name, { shape }]) =>
    [name, { shape, data: new Float32Array(elements(shape)) }] as const
  );
  return { graph: merged, params: new Map(params) };
}

function costIn({ unit, estimate }: FormSpaceOptions, model: Model): number {
  if (unit === "ms") return estimate!(model);
  return graphCost(model.graph)[unit];
}
