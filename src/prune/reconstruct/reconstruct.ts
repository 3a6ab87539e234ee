/**
 * Pruning by reconstruction: filters go, and the layers that read them are fitted anew to do without. Images are looked at, labels
 * never; nothing is trained (docs/pipeline.md).
 */
import "../../disposable.ts";
import type { Dataset } from "../../data/types.ts";
import { UserError } from "../../errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Graph, Model } from "../../graph/types.ts";
import { criterionNamed } from "../criteria/criteria.ts";
import { gatherFor } from "../criteria/gather.ts";
import { readChannels } from "../criteria/read_channels.ts";
import { scoreGroups } from "../criteria/score.ts";
import { bothMasks, maskModel, type Masks, masksOf } from "../structures/masks.ts";
import type { Constraint } from "../structures/types.ts";
import type { RefitKind } from "./affine_refit.ts";
import { biasPlaceOf } from "./bias_place.ts";
import { withFittedScores } from "./fit_heads.ts";
import { type LayerReader, layerReaders, reconstructionRefusal, withoutGroups } from "./layer_reader.ts";
import { gatherReads } from "./read_evidence.ts";
import { type Selection, selectionBy, SELECTIONS } from "./selections.ts";
import { createSettledValues, type SettledValues } from "./settled_values.ts";

/** What is pruned, and by what. */
export interface ReconstructOptions {
  /** Where the passes run. */
  readonly gpu: Gpu;
  /** A trained network, which stays as it is. */
  readonly model: Model;
  /** All of them are looked at: a thousand do. Labels aren't. */
  readonly images: Dataset;
  /** Whole filters, or dimensions of queries and keys (`qk`), whose scores are fitted whatever `select` and `refit` say. */
  readonly constraints: readonly Constraint[];
  /** How those that go are chosen: one of `SELECTIONS`, or a criterion that needs no labels. Default "obs". */
  readonly select?: string;
  /** What layers that read them are given in return. Default "affine". */
  readonly refit?: RefitKind;
  /** Of what is drawn by lot. Default 1. */
  readonly seed?: number;
  /** Images per pass; default 64. */
  readonly batch?: number;
  /** Stops after the batch in progress. */
  readonly signal?: AbortSignal;
  /** Told after each constraint. */
  readonly progress?: (done: number, total: number) => void;
}

/** A network with filters gone and their readers fitted anew, in the shapes that it had. */
export interface Reconstructed {
  /** In the shapes of the network given; `compact` makes it small. */
  readonly model: Model;
  /** Of what is gone. */
  readonly masks: Masks;
  /** Layers whose moments had fewer rows than columns, and as many images as would do. */
  readonly starved: readonly { readonly layer: string; readonly wanted: number }[];
}

/**
 * One constraint after the other, from the input on: moments of the network whose earlier layers are pruned already, choice of
 * what stays (`keep` of each constraint), and the refit.
 *
 * @throws UserError where groups can't be taken out of what reads them, or the criterion can't score them; Interrupted when the
 * signal is aborted
 */
export async function reconstruct(options: ReconstructOptions): Promise<Reconstructed> {
  const { gpu, constraints, refit = "affine", progress } = options;
  const starved = new Map<string, number>();
  const changes = constraints.map((constraint) => firstChange(options.model.graph, constraint));
  using settled = createSettledValues(gpu);
  let model = options.model;
  let masks: Masks = new Map();
  for (const [i, constraint] of constraints.entries()) {
    if (constraint.keep < constraint.groups && constraint.kind === "qk") {
      const fitted = await withFittedScores(options, model, constraint);
      masks = bothMasks(masks, masksOf([{ constraint, kept: fitted.kept }], model.params));
      model = fitted.model;
    } else if (constraint.keep < constraint.groups) {
      settled.settle(model, Math.min(...changes.slice(i)));
      const readers = (await readersOf(options, model, [constraint], settled)).get(constraint)!;
      const selection = await selectionFor(options, model, constraint);
      const kept = selection.kept(readers.map(({ reader }) => reader), constraint.keep);
      const gone = Array.from({ length: constraint.groups }, (_, g) => g).filter((g) => !kept.includes(g));
      for (const reader of readers) {
        if (reader.wanted > options.images.count) starved.set(reader.layer.node.name, reader.wanted);
        model = withoutGroups(model, reader, gone, refit);
      }
      masks = bothMasks(masks, masksOf([{ constraint, kept }], model.params));
      model = maskModel(model, masks);
    }
    progress?.(i + 1, constraints.length);
  }
  return { model, masks, starved: Array.from(starved, ([layer, wanted]) => ({ layer, wanted })) };
}

/** Place of the first node that changes where groups of a constraint go and their readers are fitted anew. */
function firstChange(graph: Graph, constraint: Constraint): number {
  const fitted = readChannels(constraint, graph).flatMap(({ layer }) => {
    const place = biasPlaceOf(graph, layer.node, layer.filters);
    return [layer.weight, ...place ? [place.param] : []];
  });
  const changed = new Set([...constraint.members.map(({ param }) => param), ...fitted]);
  return graph.nodes.findIndex(({ inputs }) => inputs.some((name) => changed.has(name)));
}

/**
 * The layers that read each constraint's channels, with the moments of what they read in this network.
 *
 * @param settled of this network; default: all of it is run
 * @throws UserError for groups that can't be taken out of them
 */
export async function readersOf(
  { gpu, images, batch, signal }: ReconstructOptions,
  model: Model,
  constraints: readonly Constraint[],
  settled?: SettledValues,
): Promise<ReadonlyMap<Constraint, LayerReader[]>> {
  for (const constraint of constraints) {
    const why = reconstructionRefusal(constraint, model.graph);
    if (why !== undefined) throw new UserError(`${constraint.name} can't be pruned by reconstruction: ${why}`);
  }
  const evidence = await gatherReads({ gpu, model, data: images, constraints, batch, signal, settled });
  return new Map(constraints.map((constraint) => [constraint, layerReaders(constraint, model, evidence)]));
}

export async function selectionFor(
  { gpu, images, select = "obs", seed = 1, batch, signal }: ReconstructOptions,
  model: Model,
  constraint: Constraint,
): Promise<Selection> {
  const known = SELECTIONS.get(select);
  if (known) return known;
  const criterion = criterionNamed(select);
  const gathered = await gatherFor({ gpu, model, data: images, criterion, constraints: [constraint], batch, signal });
  return selectionBy(criterion, scoreGroups(criterion, constraint, { model, seed, gathered }).scores);
}
