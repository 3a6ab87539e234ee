import type { Gene } from "../types.ts";
import { type Draws, drawsOf, randomGene, repair } from "./draws.ts";
import { type GeneSpace, keyOf } from "./gene_space.ts";
import type { Searcher, SearchTask } from "./searcher.ts";

/** How a genetic search goes. */
export interface GeneticSettings {
  /** The best genes so far, which the next ones are made of; as many are drawn at first. Default 16. */
  readonly parents?: number;
  /** Default 10. */
  readonly iterations?: number;
  /** Of an iteration: a parent in which each block is changed with probability `mutation`. Default 8. */
  readonly mutants?: number;
  /** Default 0.2. */
  readonly mutation?: number;
  /** Of an iteration: each block from one of two parents. Default 4. */
  readonly crossovers?: number;
}

/** Draws for a gene that nobody has asked for before: where nearly all were asked for, that is enough. */
const TRIES = 20;

/**
 * Begins with the task's starts, a quarter of the parents at most, and random genes. In each iteration the best genes so far have mutants and crossovers, which
 * are repaired until the constraint allows them; those that were seen before are drawn anew.
 */
export function genetic(settings: GeneticSettings = {}): Searcher {
  const { parents = 16, iterations = 10, mutants = 8, mutation = 0.2, crossovers = 4 } = settings;
  return async (task) => {
    const { space, constraint, seed } = task;
    const known = new Map<string, Scored>();
    const first = drawsOf(seed, STREAM, 0);
    for (const gene of task.starts.slice(0, parents / 4)) await ask(task, known, () => gene);
    while (known.size < parents && await ask(task, known, () => randomGene(space, constraint, first)));
    for (let iteration = 1; iteration <= iterations; iteration++) {
      const draws = drawsOf(seed, STREAM, iteration);
      const best = fittest([...known.values()], parents);
      for (let i = 0; i < mutants; i++) {
        await ask(
          task,
          known,
          () => repair(space, constraint, mutate(space, draws.pick(best), mutation, draws), draws),
        );
      }
      for (let i = 0; i < crossovers; i++) {
        await ask(
          task,
          known,
          () => repair(space, constraint, cross(draws.pick(best), draws.pick(best), draws), draws),
        );
      }
    }
  };
}

const STREAM = "depth genetic search";

interface Scored {
  readonly gene: Gene;
  readonly value: number;
}

/** Draws until a gene is new, and asks for its value. Gives whether one was found. */
async function ask(task: SearchTask, known: Map<string, Scored>, draw: () => Gene): Promise<boolean> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const gene = draw();
    if (known.has(keyOf(gene))) continue;
    known.set(keyOf(gene), { gene, value: await task.value(gene) });
    return true;
  }
  return false;
}

/** The best `count`; of equals those that were asked for first. */
function fittest(genes: readonly Scored[], count: number): Gene[] {
  return genes.toSorted((a, b) => b.value - a.value).slice(0, count).map(({ gene }) => gene);
}

function mutate({ choices }: GeneSpace, gene: Gene, probability: number, draws: Draws): Gene {
  return gene.map((choice, b) => {
    const others = choices[b].filter((other) => other !== choice);
    return others.length > 0 && draws.uniform() < probability ? draws.pick(others) : choice;
  });
}

function cross(a: Gene, b: Gene, draws: Draws): Gene {
  return a.map((choice, i) => draws.uniform() < 0.5 ? choice : b[i]);
}
