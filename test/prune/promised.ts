/** What `inspect` says of a network has to come true: the groups that it lists can go, and the layers that it refuses can't. */
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import type { Model } from "../../src/graph/types.ts";
import { dependencyGraph } from "../../src/prune/groups/dependency_graph.ts";
import { inspect } from "../../src/prune/inspect.ts";
import { prune } from "../../src/prune/prune_model.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { widened } from "../generate/widen.ts";
import { difference } from "./equal.ts";

/** What became of a network's groups. */
export interface Promises {
  /** Groups that can't be pruned. */
  refused: number;
  /** Groups of which half went, and filters with them. */
  gone: number;
  /** Those whose filters all stayed: a pruned one leaves a constant, which at a border can be needed in its place. */
  readonly stayed: string[];
}

/**
 * Prunes half of each group alone: the network has to compute what the masked one does. What `inspect` refuses, `prune` has to
 * refuse for the same reason.
 */
export function assertPromises(model: Model, context: string): Promises {
  const { groups } = inspect(model.graph);
  const counts: Promises = { refused: 0, gone: 0, stayed: [] };
  for (const { name, layers, why } of groups) {
    const half = () => prune(model, { constraints: [{ granularity: "filter", keep: 0.5, layers: [name] }] });
    if (why !== undefined) {
      assert.throws(half, (error: Error) => error instanceof UserError && error.message.includes(why), context);
      counts.refused++;
      continue;
    }
    const masked = widened(half().model);
    const small = compact(masked, { columns: false }).model;
    const gap = difference(masked, small);
    assert.ok(gap <= 1e-9, `${context}: without half of "${name}" off by ${gap}`);
    const { layers: left } = dependencyGraph(small.graph);
    const before = layers.reduce((sum, { filters }) => sum + filters, 0);
    const after = layers.reduce((sum, { name }) => sum + (left.get(name)?.filters ?? 0), 0);
    if (after < before) counts.gone++;
    else counts.stayed.push(`${context}: the layers of "${name}" keep all of their ${before} filters`);
  }
  return counts;
}
