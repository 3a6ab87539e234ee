/**
 * The search for a gene: which blocks of a network become which form. What a gene is worth is asked of whoever calls, by a
 * cheap evaluation for all and a full one for the best of them. Pure but for those; deterministic by its seed.
 */
import { UserError } from "../../errors.ts";
import { Interrupted } from "../../train/errors.ts";
import type { Gene } from "../types.ts";
import { exhaustive, MOST_GENES } from "./exhaustive.ts";
import { checkConstraint, costOf, type GeneConstraint, type GeneSpace, keyOf, spaceSize } from "./gene_space.ts";
import { genetic, type GeneticSettings } from "./genetic.ts";
import { type BlockScores, knapsack } from "./knapsack.ts";
import { paretoSet } from "./pareto.ts";
import { randomSearch } from "./random_search.ts";
import type { Searcher } from "./searcher.ts";

/** How genes are searched for. */
export type SearchMethod = "exhaustive" | "genetic" | "knapsack" | "random";

/** How closely a gene is looked at. */
export type Fidelity = "cheap" | "full";

/** A gene that was looked at. */
export interface SearchPoint {
  readonly gene: Gene;
  /** In the space's unit. */
  readonly cost: number;
  /** By the cheap evaluation, or the sum of scores; higher is better. */
  readonly value: number;
  /** By the full evaluation, where there was one. */
  readonly full?: number;
}

/** What a search has found out: plain JSON data. A search that is given it goes on to the same result. */
export interface SearchState {
  /** Genes in the order in which they were looked at. */
  readonly points: readonly SearchPoint[];
}

/** What is searched, and how. */
export interface SearchOptions {
  readonly space: GeneSpace;
  readonly constraint: GeneConstraint;
  /** Default "auto": exhaustive up to 4,096 genes, else genetic; the knapsack where nothing can be evaluated. */
  readonly method?: SearchMethod | "auto";
  /** Of a genetic search. */
  readonly genetic?: GeneticSettings;
  /** Genes that a random search draws; default 50. */
  readonly genes?: number;
  /** What a gene is worth, higher being better. The knapsack alone does without. */
  readonly evaluate?: (gene: Gene, fidelity: Fidelity) => Promise<number>;
  /** The best genes by the cheap evaluation that have a full one; 0 where both are the same. Default 10. */
  readonly finalists?: number;
  /** What the knapsack sums up; a genetic search begins with what the knapsack makes of them. */
  readonly scores?: BlockScores;
  /** Default 0. */
  readonly seed?: number;
  /** Where an earlier call with the same options stood. */
  readonly from?: SearchState;
  /** Told after each evaluation. */
  readonly onEvaluated?: (state: SearchState, point: SearchPoint) => Promise<void> | void;
  /** Stops before the next evaluation: the search then throws Interrupted. */
  readonly signal?: AbortSignal;
}

/** What a search has come to. */
export interface SearchResult extends SearchState {
  readonly method: SearchMethod;
  /** The best one: by the full evaluation where there was one, of equals the cheapest. */
  readonly best: SearchPoint;
  /** Indices into `points`, by rising cost: no other point is both as cheap and worth as much by the cheap evaluation. */
  readonly pareto: readonly number[];
}

/** What a run would use for "auto". */
export function chooseMethod({ method = "auto", space, constraint, evaluate }: SearchOptions): SearchMethod {
  if (method !== "auto") return method;
  if (!evaluate) return "knapsack";
  return spaceSize(space, constraint) <= MOST_GENES ? "exhaustive" : "genetic";
}

/** How many evaluations a search takes at most, for telling how far it is; nothing is evaluated for the knapsack. */
export function mostEvaluations(options: SearchOptions): number {
  const { space, constraint, genes = 50, finalists = 10 } = options;
  const { parents = 16, iterations = 10, mutants = 8, crossovers = 4 } = options.genetic ?? {};
  const size = spaceSize(space, constraint);
  const looked: Readonly<Record<SearchMethod, number>> = {
    exhaustive: size,
    genetic: Math.min(size, parents + iterations * (mutants + crossovers)),
    random: Math.min(size, genes),
    knapsack: 0,
  };
  const cheap = looked[chooseMethod(options)];
  return cheap + Math.min(cheap, finalists);
}

/**
 * Searches for the gene that is worth most among those that the constraint allows.
 * @throws UserError where none is allowed or the method lacks what it needs; Interrupted when the signal is aborted
 */
export async function searchGenes(options: SearchOptions): Promise<SearchResult> {
  const { space, constraint, scores, seed = 0, finalists = 10 } = options;
  checkConstraint(space, constraint);
  const method = chooseMethod(options);
  if (method === "knapsack") {
    if (!scores) throw new UserError("method knapsack needs scores of the blocks: give them, or use method genetic");
    const points = knapsack(space, constraint, scores).map(({ gene, cost, score }) => ({ gene, cost, value: score }));
    return { method, points, best: points[points.length - 1], pareto: points.map((_, i) => i) };
  }
  const memo = openMemo(options);
  const starts = scores && typeof space.cost !== "function"
    ? knapsack(space, constraint, scores).map(({ gene }) => gene).toReversed()
    : [];
  await SEARCHERS[method](options)({
    space,
    constraint,
    seed,
    starts,
    value: (gene) => memo.value(gene, "cheap"),
  });
  const ranked = memo.points().toSorted(byWorth).slice(0, finalists);
  for (const { gene } of ranked) await memo.value(gene, "full");
  const points = memo.points();
  return { method, points, best: bestOf(points), pareto: paretoSet(points) };
}

const SEARCHERS: Readonly<Record<Exclude<SearchMethod, "knapsack">, (options: SearchOptions) => Searcher>> = {
  exhaustive: () => exhaustive,
  genetic: (options) => genetic(options.genetic),
  random: (options) => randomSearch(options.genes),
};

/** Higher values first, of equals the cheaper one. */
function byWorth(a: SearchPoint, b: SearchPoint): number {
  return b.value - a.value || a.cost - b.cost;
}

function bestOf(points: readonly SearchPoint[]): SearchPoint {
  const finalists = points.filter(({ full }) => full !== undefined);
  if (finalists.length === 0) return points.toSorted(byWorth)[0];
  return finalists.toSorted((a, b) => b.full! - a.full! || byWorth(a, b))[0];
}

/** Values of genes, each asked for once: what an earlier call knows is not asked for again. */
function openMemo({ space, evaluate, from, onEvaluated, signal }: SearchOptions) {
  if (!evaluate) throw new UserError("only method knapsack searches without an evaluation: give one, or scores");
  const earlier = new Map(from?.points.map((point) => [keyOf(point.gene), point]));
  const known = new Map<string, SearchPoint>();
  const points = () => [...known.values()];
  const remember = async (point: SearchPoint) => {
    known.set(keyOf(point.gene), point);
    await onEvaluated?.({ points: points() }, point);
  };
  const ask = async (gene: Gene, fidelity: Fidelity): Promise<number> => {
    if (signal?.aborted) throw new Interrupted("stopped");
    const value = await evaluate(gene, fidelity);
    if (!Number.isFinite(value)) throw new UserError(`the gene ${keyOf(gene)} is worth ${value}, expected a number`);
    return value;
  };
  return {
    points,
    async value(gene: Gene, fidelity: Fidelity): Promise<number> {
      const key = keyOf(gene);
      let point = known.get(key);
      if (!point) {
        const before = earlier.get(key);
        point = { gene, cost: costOf(space, gene), value: before?.value ?? await ask(gene, "cheap") };
        if (before) known.set(key, point);
        else await remember(point);
      }
      if (fidelity === "cheap") return point.value;
      if (point.full === undefined) {
        const before = earlier.get(key)?.full;
        const full = before ?? await ask(gene, "full");
        point = { ...point, full };
        if (before === undefined) await remember(point);
        else known.set(key, point);
      }
      return point.full!;
    },
  };
}
