/** A network in which blocks have become narrower, mixed with the forms that others are to take: what training starts from. */
import { compose } from "../../graph/indexmap.ts";
import type { Model } from "../../graph/types.ts";
import { settle } from "../forms/settle.ts";
import { type StartedForms, startForms, type StartOptions } from "../start_forms.ts";
import { formsIn, narrowedBy, widthOf } from "./narrow.ts";
import { refitReaders } from "./refit_readers.ts";

/**
 * Blocks for which the gene has a width are narrow at once, what reads their channels fitted anew (refitReaders); the others are
 * mixed with their forms (startForms), whose linear layers are fitted to what the network made before anything was narrowed.
 *
 * @throws UserError for a gene of another length or with a choice that its block can't take; Interrupted when the signal is aborted
 */
export async function startChoices(options: StartOptions): Promise<StartedForms> {
  const { model, blocks, gene } = options;
  const narrow = narrowedBy(model, blocks, gene);
  const narrowed = blocks.filter((_, b) => widthOf(gene[b]) !== undefined);
  const refit = await refitReaders({ ...options, original: model, narrow: narrow.model, blocks: narrowed });
  const started = await startForms({ ...options, model: refit, original: model, gene: formsIn(gene) });
  const { rewrite: { model: mixed, map } } = started;
  return { ...started, rewrite: { model: mixed, map: compose(narrow.map, map, model.graph.params) } };
}

/** The network that has become what the gene says, untrained: λ = 1. */
export async function chosenNetwork(options: StartOptions): Promise<Model> {
  return settle((await startChoices(options)).rewrite.model, "form");
}
