import { drawsOf, randomGene } from "./draws.ts";
import { keyOf } from "./gene_space.ts";
import type { Searcher } from "./searcher.ts";

/** Tries for a gene that was not drawn before: where nearly all were, that is enough. */
const TRIES = 20;

/** Asks for so many genes that are drawn at random, each once: what any other way of searching has to beat. */
export function randomSearch(genes = 50): Searcher {
  return async ({ space, constraint, seed, value }) => {
    const seen = new Set<string>();
    for (let i = 0; i < genes; i++) {
      const draws = drawsOf(seed, "depth random search", i);
      for (let attempt = 0; attempt < TRIES; attempt++) {
        const gene = randomGene(space, constraint, draws);
        if (seen.has(keyOf(gene))) continue;
        seen.add(keyOf(gene));
        await value(gene);
        break;
      }
    }
  };
}
