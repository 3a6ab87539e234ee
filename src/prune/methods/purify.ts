/**
 * Network purification (P-RM, docs/pipeline.md) with automatic thresholds: what is left of weak filters, channels and
 * columns goes while the loss on held-out data allows it. The thresholds α, β, γ of the paper become one ε.
 */

import { countNonzero, graphCost } from "../../graph/cost.ts";
import type { Graph, Model } from "../../graph/types.ts";
import { compact, type CompactOptions } from "../rewrite/compact.ts";
import { coupledConstraints, prunableLayers } from "../structures/constraints.ts";
import { maskModel, type Masks, masksOf } from "../structures/masks.ts";
import { l2 } from "../criteria/l2.ts";
import { scoreGroups } from "../criteria/score.ts";
import { nonzeroPerGroup } from "../structures/elements.ts";
import { topGroups } from "../structures/selection.ts";
import type { Constraint, PlainGranularity } from "../structures/types.ts";

/** How far purification may go, and how it asks. */
export interface PurifyOptions {
  /** Loss on held-out data, after recalibrating batch norm on a copy. Called one at a time. */
  readonly evaluate: (model: Model) => Promise<number>;
  /** How much the loss may rise. */
  readonly epsilon: number;
  /** Default filter, channel and column. */
  readonly kinds?: readonly PlainGranularity[];
  /** Groups that stay in each constraint; default 1. */
  readonly minKeep?: number;
  /** Evaluations for the common threshold, and as many again at most for single layers; default 8. */
  readonly evaluations?: number;
  /** How the network is made small for counting. */
  readonly compact?: CompactOptions;
}

/** What a network has. */
export interface Size {
  /** Numbers stored. */
  readonly params: number;
  /** Those that aren't 0. */
  readonly nonzero: number;
  /** Of one sample. */
  readonly macs: number;
}

/** A purified network, and what it cost. */
export interface Purified {
  /** The masked model; the caller recalibrates its batch norm. */
  readonly model: Model;
  /** What stays, in the shapes of the network. */
  readonly masks: Masks;
  /** Groups that went, by name of the constraint ("conv1:channel"). */
  readonly removed: ReadonlyMap<string, readonly number[]>;
  /** As `evaluate` tells it. */
  readonly loss: { readonly before: number; readonly after: number };
  /** What the compact network would be without and with purification. */
  readonly before: Size;
  /** After it. */
  readonly after: Size;
  /** Every evaluation: how many of the candidates were out, and the loss. */
  readonly trials: readonly { readonly removed: number; readonly loss: number; readonly accepted: boolean }[];
  /** Groups that were tried. */
  readonly candidates: number;
}

/**
 * Sorts all non-empty groups by (energy / energy of the layer) / (non-zero numbers that go with them), finds by bisection
 * how many may go, then tries the next stretch of the list layer by layer and rolls back the layers that it hurts.
 */
export async function purify(model: Model, options: PurifyOptions): Promise<Purified> {
  const { evaluate, epsilon, kinds = ["filter", "channel", "column"], minKeep = 1, evaluations = 8 } = options;
  const constraints = kinds.flatMap((kind) => everyConstraint(model.graph, kind));
  const candidates = constraints.flatMap((constraint, c) => candidatesOf(model, constraint, c, minKeep))
    .sort((a, b) => a.score - b.score || a.constraint - b.constraint || a.group - b.group);
  const before = await evaluate(model);
  const trials: { removed: number; loss: number; accepted: boolean }[] = [];
  let best = { out: [] as Candidate[], loss: before };
  const attempt = async (out: Candidate[]): Promise<boolean> => {
    const loss = await evaluate(without(model, constraints, out).model);
    // A NaN is no pass.
    const accepted = loss <= before + epsilon;
    trials.push({ removed: out.length, loss, accepted });
    if (accepted) best = { out, loss };
    return accepted;
  };

  let low = 0, high = candidates.length + 1;
  for (let i = 0; i < evaluations && high - low > 1; i++) {
    const middle = (low + high) >> 1;
    if (await attempt(candidates.slice(0, middle))) low = middle;
    else high = middle;
  }
  const next = Map.groupBy(candidates.slice(low, high), ({ constraint }) => constraint);
  const byGain = [...next.values()].sort((a, b) => gain(b) - gain(a));
  for (const layer of byGain.slice(0, evaluations)) await attempt([...best.out, ...layer]);

  const { model: purified, masks } = without(model, constraints, best.out);
  const removed = Map.groupBy(best.out, ({ constraint }) => constraints[constraint].name);
  return {
    model: purified,
    masks,
    removed: new Map(
      Array.from(removed, ([name, list]) => [name, list.map(({ group }) => group).sort((a, b) => a - b)]),
    ),
    loss: { before, after: best.loss },
    before: sizeOf(model, options.compact),
    after: sizeOf(purified, options.compact),
    trials,
    candidates: candidates.length,
  };
}

interface Candidate {
  /** Index into the constraints. */
  readonly constraint: number;
  readonly group: number;
  readonly score: number;
  /** Non-zero numbers that go. */
  readonly count: number;
}

/** Groups that aren't empty, but for the strongest `minKeep` of the layer. */
function candidatesOf(model: Model, constraint: Constraint, index: number, minKeep: number): Candidate[] {
  const { scores: energies } = scoreGroups(l2, constraint, { model, seed: 0 });
  const counts = nonzeroPerGroup(constraint, model.params, ["weight", "vector"]);
  const scores = sharePerNumber(energies, counts);
  const stays = new Set(topGroups(energies, minKeep));
  return Array.from(counts, (count, group) => ({ constraint: index, group, count, score: scores[group] }))
    .filter(({ count, group }) => count > 0 && !stays.has(group));
}

/**
 * What purification ranks groups by: their share of the layer's energy, for each number that goes with them.
 *
 * @param energies Σw² of each group
 * @param counts its non-zero numbers, biases, γ and β among them
 */
export function sharePerNumber(energies: Float64Array, counts: ArrayLike<number>): Float64Array {
  const total = energies.reduce((sum, energy) => sum + energy, 0) || 1;
  return energies.map((energy, group) => energy / total / counts[group]);
}

function without(model: Model, constraints: readonly Constraint[], out: readonly Candidate[]) {
  const choices = Array.from(Map.groupBy(out, ({ constraint }) => constraint), ([c, list]) => {
    const gone = new Set(list.map(({ group }) => group));
    const kept = Array.from({ length: constraints[c].groups }, (_, g) => g).filter((g) => !gone.has(g));
    return { constraint: constraints[c], kept };
  });
  const masks = masksOf(choices, model.params);
  return { model: maskModel(model, masks), masks };
}

/** All that can be constrained at this granularity, which may be nothing. */
function everyConstraint(graph: Graph, granularity: PlainGranularity): Constraint[] {
  return prunableLayers(graph, { granularity }).length > 0 ? coupledConstraints(graph, { granularity, keep: 1 }) : [];
}

function gain(candidates: readonly Candidate[]): number {
  return candidates.reduce((sum, { count }) => sum + count, 0);
}

function sizeOf(model: Model, options?: CompactOptions): Size {
  const { model: small } = compact(model, options);
  const { params, macs } = graphCost(small.graph);
  return { params, macs, nonzero: countNonzero(small.params) };
}
