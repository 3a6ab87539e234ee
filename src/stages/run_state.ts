/** What a run knows so far, and how it is kept: everything that `--resume` needs to end in the same bits. */
import type { TrainedSupernet } from "../depth/supernet/gene_networks.ts";
import type { Gene } from "../depth/types.ts";
import { UserError } from "../errors.ts";
import { type CheckpointTensor, loadCheckpoint, saveCheckpoint } from "../formats/checkpoint.ts";
import type { Graph, HostTensor, IndexMap, Model, Origin, Params } from "../graph/types.ts";
import type { PlansMark } from "../measure/run_tuner.ts";
import type { KeptRecord } from "../prune/budget/settle.ts";
import type { Masks } from "../prune/structures/masks.ts";
import type { LogMark } from "../report/run_log.ts";
import type { DepthRecord, FailedStage, Latency, Point, Proof, UntilRecord } from "../report/types.ts";
import type { Store } from "../store/types.ts";

export interface Fallback extends Pick<RunState, "model" | "masks" | "origin" | "admm" | "best"> {
  readonly points: number;
}

/** What is true between two stages. */
export interface RunState {
  /** Index of the stage in progress. */
  stage: number;
  /** Training epochs begun so far, over all stages: keys every shuffle and augmentation. */
  epoch: number;
  /** The network as it is now, and the masks of its parameters. */
  model: Model;
  masks: Masks;
  /** The network before anything was pruned, and where `model`'s parameters lie in it. */
  dense: Model;
  origin: IndexMap;
  /** Names of the batch norms that the run put back, for as long as it trains; what it writes has them folded. */
  restored?: readonly string[];
  points: Point[];
  baseline: Point | undefined;
  /** Of the last training of the pruned network: its best epoch, as small as what it is made of can be. */
  best?: Point;
  /** By the name of the run. */
  controls: Record<string, Point>;
  /** Of the pruning stage in progress. */
  kept: KeptRecord[];
  /** What became of the blocks, for the report: what each stage of depth pruning knows is filled in by it. */
  depth?: DepthRecord;
  /** Blocks mixed with their forms, and the parameters of all genes, from the supernet's training to the search's end. */
  supernet?: TrainedSupernet;
  /** What the search has chosen for each block of `model`, for the training of the subnet. */
  gene?: Gene;
  /** Of the stages that prune until a floor of accuracy is met: what they have tried, for the report. */
  until?: UntilRecord[];
  admm: { layer: string; residual: number }[];
  equivalence: Proof | undefined;
  requested: Record<string, number>;
  latency: Latency[];
  failed: FailedStage[];
  /** What the run has warned of, each once. */
  warnings?: string[];
  /** Seconds of each stage so far, and of that what tuning took. */
  spent?: { stages: number[]; tuning: number };
  /** Of the stages at the end that only report (src/run/tail.ts): those that are done, and the one in progress, as JSON. */
  reported: string[];
  current?: string;
  /** `epoch` when the first of them began. */
  trainedEpochs?: number;
  /** The network before the progressive step in progress, while that may be taken back; how many points it had. */
  fallback: Fallback | undefined;
  /** The last network in the dense shape, kept where the compact one cannot be scattered back (border tables). */
  masked: Model | undefined;
}

/** Where a stage stopped inside itself: its own cursor, and tensors (optimizer, Z, U …) that only it understands. */
export interface StageProgress {
  /** Plain JSON data. */
  readonly cursor: unknown;
  readonly tensors: ReadonlyMap<string, HostTensor>;
}

export interface SavedRun {
  readonly state: RunState;
  readonly progress: StageProgress | undefined;
  /** The log and the plans in use when this was saved. */
  readonly log: LogMark;
  readonly plans: PlansMark;
}

const FILE = "checkpoint.safetensors";

export async function saveRun(
  store: Store,
  dir: string,
  identity: string,
  { state, progress, log, plans }: SavedRun,
): Promise<void> {
  const tensors = new Map<string, CheckpointTensor>();
  const put = (prefix: string, params: ReadonlyMap<string, HostTensor>) => {
    for (const [name, tensor] of params) tensors.set(`${prefix}/${name}`, tensor);
  };
  put("model", state.model.params);
  put("mask", state.masks);
  put("dense", state.dense.params);
  if (state.masked) put("masked", state.masked.params);
  if (state.supernet) put("supernet", state.supernet.mixed.params);
  if (state.fallback) {
    put("fallback", state.fallback.model.params);
    put("fallback-mask", state.fallback.masks);
  }
  if (progress) put("stage", progress.tensors);
  const { model, masks: _masks, dense, masked: _masked, origin, fallback, supernet, ...rest } = state;
  await saveCheckpoint(store, `${dir}/${FILE}`, {
    tensors,
    state: {
      recipe: identity,
      log,
      plans,
      cursor: progress?.cursor ?? null,
      graph: model.graph,
      denseGraph: dense.graph,
      origin: [...origin],
      fallback: fallback
        ? {
          graph: fallback.model.graph,
          origin: [...fallback.origin],
          admm: fallback.admm,
          best: fallback.best,
          points: fallback.points,
        }
        : null,
      ...supernet && { supernet: { graph: supernet.mixed.graph, blocks: supernet.blocks } },
      ...rest,
    },
  });
}

/**
 * The saved run in `dir`; undefined where there is none. Throws UserError for a damaged checkpoint, and for another recipe's.
 * @param identity of the recipe; undefined takes any recipe's
 */
export async function loadRun(store: Store, dir: string, identity: string | undefined): Promise<SavedRun | undefined> {
  const file = `${dir}/${FILE}`;
  const checkpoint = await loadCheckpoint<Record<string, unknown>>(store, file);
  if (!checkpoint) return undefined;
  const { recipe, log, plans, cursor, graph, denseGraph, origin, fallback, supernet, ...rest } = checkpoint.state;
  if (identity !== undefined && recipe !== identity) {
    throw new UserError(
      `${file}: was written by another recipe than ${dir}/recipe.yaml: restore that file, or start a new run with --out`,
    );
  }
  const part = (prefix: string) => {
    const found = new Map<string, HostTensor>();
    for (const [name, { shape, data }] of checkpoint.tensors) {
      if (name.startsWith(`${prefix}/`)) {
        found.set(name.slice(prefix.length + 1), { shape, data: data as Float32Array<ArrayBuffer> });
      }
    }
    return found;
  };
  const maskedParams = part("masked");
  return {
    log: log as LogMark,
    plans: plans as PlansMark,
    progress: cursor === null ? undefined : { cursor, tensors: part("stage") },
    state: {
      ...rest as unknown as RunState,
      model: { graph: graph as unknown as Graph, params: part("model") },
      masks: part("mask"),
      dense: { graph: denseGraph as unknown as Graph, params: part("dense") },
      masked: maskedParams.size > 0 ? { graph: denseGraph as unknown as Graph, params: maskedParams } : undefined,
      ...supernet ? { supernet: readSupernet(supernet as SupernetText, part("supernet")) } : {},
      fallback: fallback ? readFallback(fallback as SavedFallback, part) : undefined,
      origin: new Map(origin as SavedMap),
    },
  };
}

type SupernetText = Pick<TrainedSupernet, "blocks"> & { readonly graph: Graph };

function readSupernet({ graph, blocks }: SupernetText, params: Params): TrainedSupernet {
  return { mixed: { graph, params }, blocks };
}

type SavedMap = [string, Origin][];
type SavedFallback = Pick<Fallback, "admm" | "best" | "points"> & { readonly graph: Graph; readonly origin: SavedMap };

function readFallback(saved: SavedFallback, part: (prefix: string) => Params): Fallback {
  const { graph, origin, ...rest } = saved;
  return {
    ...rest,
    model: { graph, params: part("fallback") },
    masks: part("fallback-mask"),
    origin: new Map(origin),
  };
}
