/** The network of a gene that a search evaluates. */
import type { Model } from "../../graph/types.ts";
import { chosenNetwork } from "../joint/start_choices.ts";
import type { StartOptions } from "../start_forms.ts";
import type { Border, Gene } from "../types.ts";
import { geneFamily, type MixedBlock } from "./gene_family.ts";

/** A supernet as its training left it. */
export interface TrainedSupernet {
  /** The mixed network; its parameters are those of all genes. */
  readonly mixed: Model;
  /** Of each block the form and the Mix nodes, as `geneFamily` takes them. */
  readonly blocks: readonly Omit<MixedBlock, "block">[];
}

/** Where the networks of genes come from. */
export interface GeneNetworksOptions extends Omit<StartOptions, "gene" | "borders"> {
  readonly supernet?: TrainedSupernet;
  /** Where the padding of a gene's blocks will be; asked where there is no supernet. */
  readonly bordersOf: (gene: Gene) => readonly Border[];
}

/** Of a gene the supernet's network where there is one; else one whose forms begin on images, untrained. */
export function geneNetworks(
  { supernet, bordersOf, ...start }: GeneNetworksOptions,
): (gene: Gene) => Promise<Model> {
  if (!supernet) return (gene) => chosenNetwork({ ...start, gene, borders: bordersOf(gene) });
  const family = geneFamily(supernet.mixed, start.blocks.map((block, b) => ({ block, ...supernet.blocks[b] })));
  return (gene) => Promise.resolve(family.model(gene, supernet.mixed.params));
}
