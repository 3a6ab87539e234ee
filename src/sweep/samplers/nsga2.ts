/**
 * NSGA-II (Deb, Pratap, Agarwal, Meyarivan 2002): generations of trials, each bred from the best of all before it. The
 * best are those of the first Pareto fronts and, of the last front that doesn't fit in whole, the least crowded ones.
 *
 * The paper's generations are kept: one is proposed when the one before it is over, whatever order its trials ended in.
 * So workers wait for a generation's last trial, and any number of them makes the same trials.
 */
import { drawsOf } from "../../depth/search/draws.ts";
import { crowdingDistance } from "../pareto/crowding.ts";
import type { Point } from "../pareto/dominance.ts";
import { nonDominatedSort } from "../pareto/fronts.ts";
import { type Aims, pointOf } from "../pareto/trial_points.ts";
import type { Proposal, Sampler } from "../sampler.ts";
import { sizeOf, type Space, valueAt } from "../space.ts";
import { type Choices, isOver, latest, type Metrics, type Trial } from "../trial.ts";
import { drawnChoices } from "./random.ts";
import { crossed, mutated, type Uniform } from "./variation.ts";

export interface Nsga2Options extends Aims {
  readonly space: Space;
  /** Recipes' seeds: choices are tried with each, and judged by the means of their metrics. */
  readonly seeds: readonly number[];
  /** The seed of the draws themselves. */
  readonly draw: number;
  /** Choices of a generation; default 50. */
  readonly population?: number;
}

/** Choices that were tried. */
interface Individual {
  readonly choices: Choices;
  readonly point: Point;
  /** The first of its trials. */
  readonly id: string;
}

/** One that may have children. */
export interface Ranked<Item> {
  readonly item: Item;
  /** Its front, from 0 on. */
  readonly rank: number;
  /** Within its front. */
  readonly crowding: number;
}

/** Pairs of parents without a new child, after which choices are drawn instead. */
const TRIES = 20;

/** The first generation is what the random sampler draws. Choices are never proposed twice. */
export function nsga2Sampler(options: Nsga2Options): Sampler {
  const { space, seeds, draw, population = 50 } = options;
  const generationSize = population * seeds.length;
  const most = sizeOf(space);
  /** Of each generation those that may be parents. They depend on trials that are over, so they stay what they are. */
  const parents: Ranked<Individual>[][] = [];
  /** Of the latest generation that was asked for. */
  let bred: { readonly generation: number; readonly children: readonly Omit<Proposal, "seed">[] } | undefined;

  const parentsOf = (generation: number, trials: readonly Trial[]): readonly Ranked<Individual>[] => {
    for (let g = parents.length; g <= generation; g++) {
      const own = individualsOf(trials.slice(g * generationSize, (g + 1) * generationSize), options);
      const before = g === 0 ? [] : parents[g - 1].map(({ item }) => item);
      parents.push(fittest([...before, ...own], ({ point }) => point, population));
    }
    return parents[generation];
  };
  const childrenOf = (generation: number, trials: readonly Trial[]) => {
    if (bred?.generation === generation) return bred.children;
    const made = trials.slice(0, generation * generationSize).filter((_, i) => i % seeds.length === 0);
    const seen = new Set(made.map(({ choices }) => keyOf(choices)));
    const children = generation === 0
      ? firstChildren(space, draw, Math.min(population, most))
      : offspring(space, parentsOf(generation - 1, trials), { seen, draw, generation, population, most });
    bred = { generation, children };
    return children;
  };
  return {
    ask(trials, count) {
      const generation = Math.floor(trials.length / generationSize);
      const first = generation * generationSize;
      if (!trials.slice(0, first).every(isOver)) return [];
      const proposals = childrenOf(generation, trials).flatMap((child) => seeds.map((seed) => ({ ...child, seed })));
      return proposals.slice(trials.length - first, trials.length - first + count);
    },
    exhausted: (trials) => trials.length >= most * seeds.length,
  };
}

/**
 * The best `count`, with what a tournament compares them by: fronts in turn, and of the last one the least crowded, of equals
 * the first.
 */
export function fittest<Item>(items: readonly Item[], pointOf: (item: Item) => Point, count: number): Ranked<Item>[] {
  const points = items.map(pointOf);
  const ranked: Ranked<Item>[] = [];
  for (const [rank, front] of nonDominatedSort(points).entries()) {
    const crowding = crowdingDistance(front.map((i) => points[i].values));
    const all = front.map((i, at) => ({ item: items[i], rank, crowding: crowding[at] }));
    const room = count - ranked.length;
    ranked.push(...all.length <= room ? all : all.toSorted(leastCrowded).slice(0, room));
    if (ranked.length === count) break;
  }
  return ranked;
}

function leastCrowded(a: Ranked<unknown>, b: Ranked<unknown>): number {
  return a.crowding === b.crowding ? 0 : b.crowding - a.crowding;
}

/** The random sampler's draws, without those that came before. */
function firstChildren(space: Space, draw: number, count: number): Omit<Proposal, "seed">[] {
  const children = new Map<string, Choices>();
  for (let index = 0; children.size < count; index++) {
    const choices = drawnChoices(space, draw, index);
    if (!children.has(keyOf(choices))) children.set(keyOf(choices), choices);
  }
  return [...children.values()].map((choices) => ({ choices }));
}

interface Breeding {
  /** Keys of what was proposed before. */
  readonly seen: ReadonlySet<string>;
  readonly draw: number;
  readonly generation: number;
  readonly population: number;
  /** Different choices that there are. */
  readonly most: number;
}

function offspring(space: Space, parents: readonly Ranked<Individual>[], breeding: Breeding): Omit<Proposal, "seed">[] {
  const { draw, generation, population, most } = breeding;
  const draws = drawsOf(draw, "sweep NSGA-II", generation);
  const seen = new Set(breeding.seen);
  const children: Omit<Proposal, "seed">[] = [];
  const room = () => children.length < population && seen.size < most;
  const add = (child: Omit<Proposal, "seed">) => {
    if (!room() || seen.has(keyOf(child.choices))) return false;
    seen.add(keyOf(child.choices));
    children.push(child);
    return true;
  };
  for (let fruitless = 0; room();) {
    if (fruitless === TRIES) {
      fruitless = 0;
      while (!add({ choices: drawn(space, draws.uniform) }));
      continue;
    }
    const pair = [tournament(parents, draws.pick), tournament(parents, draws.pick)];
    const ids = [...new Set(pair.map(({ id }) => id))];
    const added = crossed(pair[0].choices, pair[1].choices, draws.uniform)
      .map((choices) => add({ choices: mutated(space, choices, draws.uniform), parents: ids }));
    fruitless = added.includes(true) ? 0 : fruitless + 1;
  }
  return children;
}

/** Binary: of two that are drawn the one of the lower front, or else the less crowded one, or else the first. */
function tournament(
  parents: readonly Ranked<Individual>[],
  pick: (list: readonly Ranked<Individual>[]) => Ranked<Individual>,
): Individual {
  const [a, b] = [pick(parents), pick(parents)];
  return ((a.rank - b.rank || leastCrowded(a, b)) <= 0 ? a : b).item;
}

function drawn(space: Space, uniform: Uniform): Choices {
  return Object.fromEntries(Object.entries(space).map(([name, dimension]) => [name, valueAt(dimension, uniform())]));
}

/** Trials of one choice, with each of the seeds, are one individual. */
function individualsOf(trials: readonly Trial[], options: Nsga2Options): Individual[] {
  const each = options.seeds.length;
  return Array.from({ length: trials.length / each }, (_, i) => {
    const own = trials.slice(i * each, (i + 1) * each);
    return { choices: own[0].choices, id: own[0].id, point: pointOf(meanMetrics(own), options) };
  });
}

/** Undefined where one of them failed or has come to nothing: what works with some seeds only is no good choice. */
function meanMetrics(trials: readonly Trial[]): Metrics | undefined {
  const all = trials.map((trial) => trial.state === "failed" ? undefined : latest(trial));
  const [first] = all;
  if (first === undefined || all.includes(undefined)) return undefined;
  const mean = (name: string) => all.reduce((sum, metrics) => sum + (metrics![name] ?? NaN), 0) / all.length;
  return Object.fromEntries(Object.keys(first).map((name) => [name, mean(name)]));
}

/** Choices in the order of the space. */
function keyOf(choices: Choices): string {
  return JSON.stringify(Object.values(choices));
}
