/** What every way of searching is given. */
import type { Gene } from "../types.ts";
import type { GeneConstraint, GeneSpace } from "./gene_space.ts";

/** A search in progress, as a searcher sees it. */
export interface SearchTask {
  readonly space: GeneSpace;
  readonly constraint: GeneConstraint;
  readonly seed: number;
  /** Allowed genes to begin with, the most promising first. */
  readonly starts: readonly Gene[];
  /** What a gene is worth by the cheap evaluation, higher being better. A gene that was asked for before costs nothing. */
  value(gene: Gene): Promise<number>;
}

/**
 * Asks for the values of genes that the constraint allows. What it asks for follows from the task and from the values that
 * it was given, so a search that is begun anew with the values of an earlier one goes the same way.
 */
export type Searcher = (task: SearchTask) => Promise<void>;
