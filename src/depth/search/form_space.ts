/** The genes of a network, priced before anything is trained: each form at the cost of the layers that it merges into. */
import type { Model } from "../../graph/types.ts";
import { graphCost } from "../../graph/cost.ts";
import type { BorderOptions } from "../forms/borders.ts";
import { FORM_NAMES, FORMS, refusalOf } from "../forms/forms.ts";
import type { Block, Choice, FormName } from "../types.ts";
import type { CostUnit, GeneSpace } from "./gene_space.ts";
import { mergedGene } from "./merged_gene.ts";

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
  /** Where forms have their padding, and what they are merged to; default: where the blocks have it, the fewest multiply-adds. */
  readonly merging?: BorderOptions;
  /** Also forms that cost more than the block; default: without them. */
  readonly all?: boolean;
}

/** The choices of each block and what they cost; costs are taken to add up over the blocks. */
export function formSpace(options: FormSpaceOptions): GeneSpace {
  const { model, blocks, forms, unit, merging, all = false } = options;
  const whole = costIn(options, model);
  const refused = blocks.map((block) => {
    const reasons = forms.map((form) => [form, refusalOf(model.graph, block, FORMS[form])] as const);
    return new Map(reasons.flatMap(([form, reason]) => reason === undefined ? [] : [[form, reason]]));
  });
  const found = blocks.map((_, b): { choices: Choice[]; costs: number[] } => {
    const own = FORM_NAMES.filter((form) => forms.includes(form) && !refused[b].has(form));
    const priced = own.map((form) => {
      const gene = blocks.map((_, at) => at === b ? form : "keep");
      return { form, cost: costIn(options, mergedGene(model, blocks, gene, merging)) - whole };
    }).filter(({ cost }) => all || cost <= 0);
    return {
      choices: ["keep", ...priced.map(({ form }) => form)],
      costs: [0, ...priced.map(({ cost }) => cost)],
    };
  });
  return {
    blocks: blocks.map(({ name }) => name),
    choices: found.map(({ choices }) => choices),
    refused,
    cost: { rest: whole, blocks: found.map(({ costs }) => costs) },
    unit,
  };
}

function costIn({ unit, estimate }: FormSpaceOptions, model: Model): number {
  if (unit === "ms") return estimate!(model);
  return graphCost(model.graph)[unit];
}
