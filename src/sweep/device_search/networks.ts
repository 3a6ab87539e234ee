/** Networks that a search looks at: each is made of the trained one by some choices, small enough for a time, and not trained on. */
import { spread } from "../../data/splits.ts";
import type { Splits } from "../../data/types.ts";
import { linearCandidates } from "../../depth/linearize/candidates.ts";
import { linearize, scoreBlocks } from "../../depth/linearize/linearize.ts";
import { seededLinear } from "../../depth/linearize/seeded_layers.ts";
import type { Block } from "../../depth/types.ts";
import { UserError } from "../../errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { withoutNorms } from "../../graph/fold.ts";
import type { Graph, Model } from "../../graph/types.ts";
import { latencyEstimate, unfitTable } from "../../measure/latency/estimate.ts";
import type { LatencyTable } from "../../measure/latency/types.ts";
import { leastKept, UnreachableBudget } from "../../prune/budget/budget.ts";
import { type KeptRecord, requestedConstraints, settle, stepConstraints } from "../../prune/budget/settle.ts";
import { criterionNamed } from "../../prune/criteria/criteria.ts";
import { gatherFor } from "../../prune/criteria/gather.ts";
import { oneShot } from "../../prune/methods/one_shot.ts";
import { compact } from "../../prune/rewrite/compact.ts";
import { type ConstraintOptions, layersOf } from "../../prune/structures/constraints.ts";
import { maskModel } from "../../prune/structures/masks.ts";
import type { Constraint } from "../../prune/structures/types.ts";
import { evaluateModel } from "../../train/evaluate.ts";
import type { GatheredEvidence } from "../../train/evidence/evidence.ts";
import { recalibrate } from "../../train/recalibrate.ts";
import type { Choices } from "../trial.ts";
import type { Built, Scored } from "./search.ts";
import { chosenOf } from "./space.ts";

export interface GroundOptions {
  readonly gpu: Gpu;
  /** Trained. */
  readonly model: Model;
  /** Batch norms that were put back into it, which are folded in what is timed. */
  readonly restored: readonly string[];
  readonly data: Splits;
  readonly batch: number;
  readonly table: LatencyTable;
  readonly exclude?: readonly string[];
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** How many filters, or groups of coupled ones, a layer keeps. */
export interface Width extends Pick<KeptRecord, "keep" | "groups"> {
  readonly layer: string;
}

/** A network of a search. */
export interface FoundNetwork extends Built {
  readonly model: Model;
  /** As it is written: what a device times. */
  readonly graph: Graph;
  readonly widths: readonly Width[];
  /** Blocks that have become linear layers. */
  readonly linear: readonly string[];
}

/** As recipes of one line have it: a layer of fewer filters is hardly faster, and easily cut off. */
export const MIN_KEEP = 4;
/** Images for criteria that look at more than weights, and for linear layers, as the recipe's stages have them. */
const EVIDENCE_IMAGES = 512, LINEAR_IMAGES = 256;
/** What a network is worth is told from so many batches that its norms see, and so many held-out images: a second or so. */
const NORM_BATCHES = 16, SCORED_IMAGES = 1000;

/** Makes, prices and scores networks. */
export interface Networks {
  /** Blocks that can become a linear layer which the table has. */
  readonly blocks: number;
  /** The trained network, by the table and as it is written. */
  readonly denseMs: number;
  readonly dense: Graph;
  /** What takes the least that the search may make. */
  smallest(): Promise<FoundNetwork>;
  /** Undefined where nothing as small as that can be made so. */
  build(choices: Choices, aimMs: number): Promise<FoundNetwork | undefined>;
  score(network: FoundNetwork): Promise<Scored>;
}

/** @throws UserError for a network of which nothing can go */
export function searchNetworks(options: GroundOptions): Networks {
  const { gpu, model, restored, data, batch, table, exclude, seed, signal } = options;
  const estimate = latencyEstimate(table);
  const all = linearCandidates(model.graph).blocks;
  const able = all.length > 0 && unfitTable(table, seededLinear(model.graph, 1)) === undefined ? all : [];
  const starts = new Map<number, Promise<Start>>([[0, Promise.resolve({ model, linear: [] })]]);
  let ordered: Promise<readonly Block[]> | undefined;
  const evidence = new Map<string, Promise<GatheredEvidence | undefined>>();

  /** Blocks whose linear layers come nearest to them go first. */
  async function byScore(): Promise<readonly Block[]> {
    const scores = await scoreBlocks({ gpu, model, blocks: able, images: spread(data.train, LINEAR_IMAGES), signal });
    return able.toSorted((a, b) => scores[able.indexOf(b)].r2 - scores[able.indexOf(a)].r2);
  }

  function startOf(linear: number): Promise<Start> {
    let start = starts.get(linear);
    if (!start) {
      start = (async () => {
        const blocks = (await (ordered ??= byScore())).slice(0, linear);
        const images = spread(data.train, LINEAR_IMAGES);
        const { rewrite } = await linearize({ gpu, model, blocks, images, signal });
        return { model: rewrite.model, linear: blocks.map(({ name }) => name) };
      })();
      starts.set(linear, start);
    }
    return start;
  }

  const constraintFor = (start: Model, round: number): ConstraintOptions => ({
    granularity: "filter",
    keep: 1,
    minKeep: MIN_KEEP,
    // A recipe names layers of the network that it begins with.
    ...start !== model && { layers: layersOfBoth(start.graph, model.graph) },
    ...exclude && { exclude: exclude.filter((name) => start === model || isNamed(start.graph, name)) },
    ...round > 1 && { round },
  });

  async function gathered(criterion: string, start: Start, constraints: readonly Constraint[]) {
    const key = `${criterion} ${start.linear.length}`;
    let found = evidence.get(key);
    if (!found) {
      const images = spread(data.train, EVIDENCE_IMAGES);
      const asked = { gpu, model: start.model, data: images, criterion: criterionNamed(criterion), constraints, batch };
      found = gatherFor({ ...asked, signal });
      evidence.set(key, found);
    }
    return await found;
  }

  function made(start: Start, kept: readonly KeptRecord[], masked: Model, kind: string): FoundNetwork {
    const small = compact(masked).model;
    const { graph } = withoutNorms(
      small,
      restored.filter((name) => small.graph.nodes.some((node) => node.name === name)),
    );
    const widths = widthsOf(start.model.graph, model.graph, kept);
    const predictedMs = estimate(small);
    return { model: small, graph, widths, linear: start.linear, predictedMs, kind, key: keyOf(widths, start.linear) };
  }

  return {
    blocks: able.length,
    denseMs: estimate(model),
    dense: withoutNorms(model, restored).graph,
    async smallest() {
      const start = await startOf(0);
      const options = constraintFor(start.model, 1);
      const whole = requestedConstraints(start.model.graph, {
        constraints: [options],
        criterion: criterionNamed("l2"),
        seed,
      });
      const counts = leastKept(whole, { protect: 0 });
      const constraints = whole.map((constraint, c) => ({ ...constraint, keep: counts[c] }));
      const kept = constraints.map(({ name, kind, keep, groups }) => ({ name, kind, keep, groups }));
      const masks = oneShot(start.model, new Map(), constraints, { criterion: criterionNamed("l2"), seed });
      return made(start, kept, maskModel(start.model, masks), "1");
    },
    async build(choices, aimMs) {
      const { criterion: named, rule, round, protect, linear } = chosenOf(choices);
      const start = await startOf(linear);
      const criterion = criterionNamed(named);
      const request = {
        constraints: [constraintFor(start.model, round)],
        criterion,
        seed,
        budget: { target: { ms: aimMs }, rule, protect, latency: estimate },
      };
      const scoring = await gathered(named, start, requestedConstraints(start.model.graph, request));
      let kept: readonly KeptRecord[];
      try {
        ({ kept } = settle({ model: start.model, dense: start.model.graph }, { ...request, gathered: scoring }));
      } catch (error) {
        if (error instanceof UnreachableBudget) return undefined;
        throw error;
      }
      const constraints = stepConstraints(start.model.graph, request.constraints, kept, 1);
      const masks = oneShot(start.model, new Map(), constraints, { criterion, seed, gathered: scoring });
      return made(start, kept, maskModel(start.model, masks), String(round));
    },
    async score({ model: small }) {
      const fresh = await recalibrate(gpu, small, data.train, batch, NORM_BATCHES);
      return await evaluateModel(gpu, fresh, spread(data.validation, SCORED_IMAGES));
    },
  };
}

/** What widths are chosen on. */
interface Start {
  readonly model: Model;
  readonly linear: readonly string[];
}

function layersOfBoth(graph: Graph, dense: Graph): string[] {
  const constraints = requestedConstraints(graph, {
    constraints: [{ granularity: "filter", keep: 1 }],
    criterion: criterionNamed("l2"),
    seed: 0,
  });
  const named = constraints.flatMap((constraint) => layersOf(graph, constraint)).filter((name) => isNamed(dense, name));
  if (named.length === 0) throw new UserError("no layer is left of which filters could go: search with fewer blocks");
  return named;
}

function isNamed(graph: Graph, name: string): boolean {
  return /[*?]/.test(name) || graph.nodes.some((node) => node.name === name);
}

/** Layers that lose something, each coupled class by one of its layers that the trained network has as well. */
function widthsOf(graph: Graph, dense: Graph, kept: readonly KeptRecord[]): Width[] {
  const constraints = requestedConstraints(graph, {
    constraints: [{ granularity: "filter", keep: 1 }],
    criterion: criterionNamed("l2"),
    seed: 0,
  });
  return kept.filter(({ keep, groups }) => keep < groups).map(({ name, keep, groups }) => {
    const own = constraints.find((constraint) => constraint.name === name)!;
    const layer = layersOf(graph, own).find((layer) => isNamed(dense, layer))!;
    return { layer, keep, groups };
  });
}

function keyOf(widths: readonly Width[], linear: readonly string[]): string {
  return JSON.stringify([widths.map(({ layer, keep }) => [layer, keep]), linear]);
}
