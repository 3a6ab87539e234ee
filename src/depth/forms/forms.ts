/** The forms that blocks can take, by name, and networks in which some have taken one. */
import { show, UserError } from "../../errors.ts";
import { compose, identityMap } from "../../graph/indexmap.ts";
import type { Graph, Model, Rewrite } from "../../graph/types.ts";
import type { Block, Blocks, Form, FormName, Gene } from "../types.ts";
import { attentionForm } from "./attention.ts";
import { identityForm } from "./identity.ts";
import { linearForm } from "./linear.ts";
import { firstForm, secondForm } from "./one_convolution.ts";
import { skipForm } from "./skip.ts";

/** Every form by its name. */
export const FORMS: Readonly<Record<FormName, Form>> = {
  identity: identityForm,
  linear: linearForm,
  first: firstForm,
  second: secondForm,
  attention: attentionForm,
  skip: skipForm,
};

/** All forms that there are, in the order of lists. */
export const FORM_NAMES: readonly [FormName, ...FormName[]] = Object.keys(FORMS) as [FormName, ...FormName[]];

/** The names of the forms that a block can take. */
export function formsOf(graph: Graph, block: Block): readonly FormName[] {
  return FORM_NAMES.filter((name) => refusalOf(graph, block, FORMS[name]) === undefined);
}

/** Why a block can't take a form, as a clause. */
export function refusalOf(graph: Graph, block: Block, { kinds, refuses }: Form): string | undefined {
  if (kinds.includes(block.kind)) return refuses(graph, block);
  return block.kind === "branches" ? "it is linear as it stands" : `that is for blocks of kind ${kinds.join(" and ")}`;
}

/**
 * The network in which each block is mixed with the form that the gene has for it, from the first block to the last; "keep" leaves
 * one as it is.
 *
 * @throws UserError for a gene of another length, a form that nobody knows, or one that its block can't take
 */
export function applyGene(model: Model, { blocks }: Blocks, gene: Gene): Rewrite {
  const { graph } = model;
  if (gene.length !== blocks.length) {
    throw new UserError(
      `the gene has ${gene.length} places, "${graph.name}" has ${blocks.length} blocks: give "keep" or a form for each of ` +
        (blocks.map(({ name }) => name).join(", ") || "none"),
    );
  }
  let rewrite: Rewrite = { model, map: identityMap(graph) };
  blocks.forEach((block, i) => {
    const name = gene[i];
    if (name === "keep") return;
    const form = formNamed(name);
    const { model: mixed, map } = form.mixed(checked(rewrite.model, block, form), block);
    rewrite = { model: mixed, map: compose(rewrite.map, map, graph.params) };
  });
  return rewrite;
}

function checked(model: Model, block: Block, form: Form): Model {
  const reason = refusalOf(model.graph, block, form);
  if (reason === undefined) return model;
  throw new UserError(
    `block "${block.name}" (${block.kind}) can't take the form "${form.name}": ${reason}; it can take ` +
      (formsOf(model.graph, block).join(", ") || "none"),
  );
}

/** @throws UserError for a name that no form has */
export function formNamed(name: string): Form {
  if (Object.hasOwn(FORMS, name)) return FORMS[name as FormName];
  throw new UserError(`no form is called ${show(name)}: expected keep, ${FORM_NAMES.join(", ")}`);
}
