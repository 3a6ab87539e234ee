/** A search from files and data to the network that a recipe then makes and trains. */
import type { Splits } from "../../data/types.ts";
import { UserError } from "../../errors.ts";
import { chosenGpu, type GpuChoice } from "../../gpu/gpu_choice.ts";
import type { Graph } from "../../graph/types.ts";
import { tableFor } from "../../measure/latency/choose.ts";
import type { LatencyTable } from "../../measure/latency/types.ts";
import { inputOptions, type NetworkOptions, readGiven, startModel } from "../../models/given.ts";
import type { SearchedNetwork } from "../../one_line/searched_network.ts";
import { batchFor } from "../../one_line/training_choice.ts";
import type { DataRequest } from "../../recipe/schema.ts";
import type { DeviceSearch, DeviceSearchFinalist } from "../../report/types.ts";
import { milliseconds } from "../../report/format.ts";
import { lacksNorms } from "../../stages/restored_norms.ts";
import type { Store } from "../../store/types.ts";
import { restoreNorms } from "../../train/restore_norms.ts";
import type { Ui } from "../../ui.ts";
import { correctedMs, type Observation } from "./correction.ts";
import { type FoundNetwork, type Networks, searchNetworks } from "./networks.ts";
import { type Candidate, searchInTime, type SearchOutcome, type Timed } from "./search.ts";
import { choiceWords, searchSpace } from "./space.ts";

/** A network that the device is to time. */
export interface NetworkToTime {
  readonly title: string;
  readonly graph: Graph;
  readonly expectedMs: number;
}

export interface DeviceSearchOptions extends GpuChoice {
  readonly network: NetworkOptions;
  readonly data: DataRequest;
  readonly store: Store;
  readonly ui: Ui;
  readonly signal: AbortSignal;
  readonly loadData: (request: DataRequest, ui: Ui) => Promise<Splits>;
  /** What the device is called, and its latency tables. */
  readonly device: string;
  readonly tables: readonly LatencyTable[];
  readonly limitMs: number;
  readonly candidates: number;
  readonly seed: number;
  /** These aren't searched. */
  readonly criterion?: string;
  readonly round?: number;
  /** Names of layers and patterns. */
  readonly exclude?: readonly string[];
  /** Times of one image on the device, in the networks' order; absent where only the table stands for it. */
  readonly time?: (networks: readonly NetworkToTime[], when: "first" | "again") => Promise<readonly Timed[]>;
}

export interface DeviceSearchResult {
  readonly search: DeviceSearch;
  readonly found: SearchedNetwork;
}

/**
 * @throws UserError where files or data can't be read or don't fit, the table isn't of this network, the network keeps the time
 * already, and where nothing that the search may make keeps it
 */
export async function runDeviceSearch(options: DeviceSearchOptions): Promise<DeviceSearchResult> {
  const { network, store, ui, signal, device, limitMs, candidates, seed, time } = options;
  const given = await readGiven(network, store);
  const data = await options.loadData({ ...options.data, ...inputOptions(network, given) }, ui);
  const start = startModel(given, network, data, seed);
  const table = tableFor(options.tables, {}, start);
  const batch = batchFor(data.train.count);
  using opened = await chosenGpu(options);
  const { gpu } = opened;
  const restored = lacksNorms(start.graph)
    ? await restoreNorms({ gpu, model: start, data: data.train, batch, signal })
    : { model: start, norms: [] };
  const { criterion, round, exclude } = options;
  const ground = { gpu, data, batch, table, exclude, seed, signal };
  const networks = searchNetworks({ ...ground, model: restored.model, restored: restored.norms });
  const dense = await denseOf(networks, table, options);
  if (dense.measuredMs <= limitMs) {
    throw new UserError(
      `${network.model.name} takes ${milliseconds(dense.measuredMs)} ms on ${device} as it is, and ${
        milliseconds(limitMs)
      } ms are asked for: nothing has to go`,
    );
  }
  const timeFound = time &&
    ((all: readonly { network: FoundNetwork; expectedMs: number }[], when: "first" | "again") =>
      time(
        all.map(({ network: { graph }, expectedMs }, i) => ({
          title: `network ${i + 1} of ${all.length}`,
          graph,
          expectedMs,
        })),
        when,
      ));
  const least = await smallest(networks, dense, options, timeFound);
  const progress = ui.stage("search", candidates);
  try {
    const outcome = await searchInTime(
      {
        space: searchSpace({ criterion, round, blocks: networks.blocks }),
        limitMs,
        candidates,
        seed,
        known: [dense, ...least ? [least] : []],
      },
      {
        async build(choices, aimMs) {
          signal.throwIfAborted();
          return await networks.build(choices, aimMs);
        },
        score: networks.score,
        time: timeFound,
        progress: (done, best) => progress.update(done, best === undefined ? {} : { accuracy: best }),
        note: ui.note,
      },
    );
    progress.done(`${outcome.candidates.length} networks`);
    return resultOf(outcome, dense, options);
  } catch (error) {
    progress.abandon();
    throw error;
  }
}

function resultOf(
  { found, finalists, candidates }: SearchOutcome<FoundNetwork>,
  { predictedMs, measuredMs }: Observation,
  { device, limitMs, time }: DeviceSearchOptions,
): DeviceSearchResult {
  return {
    search: {
      device,
      live: time !== undefined,
      askedMs: limitMs,
      dense: { predictedMs, measuredMs },
      candidates: candidates.length,
      timed: candidates.filter(({ measuredMs }) => measuredMs !== undefined).length,
      finalists: finalists.map((finalist) => finalistOf(finalist, found)),
    },
    found: {
      criterion: String(found.choices.criterion),
      widths: found.network.widths,
      linear: found.network.linear,
      words: choiceWords(found.choices),
      looked: candidates.length,
      ms: found.againMs ?? found.correctedMs,
      device,
    },
  };
}

type TimeFound = (
  all: readonly { network: FoundNetwork; expectedMs: number }[],
  when: "first" | "again",
) => Promise<readonly Timed[]>;

/** The network as it is: timed now, since a table may be of another day; without the device as it was when the table was built. */
async function denseOf(
  { denseMs: predictedMs, dense: graph }: Networks,
  { wholeMs }: LatencyTable,
  { device, time }: DeviceSearchOptions,
): Promise<Observation> {
  const asked = { title: "the network as it is", graph, expectedMs: wholeMs };
  const [measuredMs = wholeMs] = await time?.([asked], "first") ?? [];
  if (typeof measuredMs === "number") return { predictedMs, measuredMs, kind: "dense" };
  throw new UserError(`${device} couldn't time the network as it is: ${measuredMs.failed}`);
}

/** The least that can be asked for, timed: it refuses the impossible, and is the other end of what is known. */
async function smallest(
  networks: Networks,
  dense: Observation,
  { device, limitMs, exclude }: DeviceSearchOptions,
  time: TimeFound | undefined,
): Promise<Observation | undefined> {
  const network = await networks.smallest();
  const { predictedMs, kind } = network;
  const expectedMs = correctedMs([dense], network);
  const timed = await time?.([{ network, expectedMs }], "first");
  const [ms = expectedMs] = timed ?? [];
  if (typeof ms !== "number") throw new UserError(`${device} couldn't time the smallest network: ${ms.failed}`);
  // With blocks that can go, smaller ones may be found.
  if (ms > limitMs && networks.blocks === 0) {
    throw new UserError(
      `${milliseconds(limitMs)} ms can't be met: the smallest network that the search may make takes ${
        milliseconds(ms)
      } ms on ${device}, the one given ${milliseconds(dense.measuredMs)}: ask for more${
        exclude ? ", or exclude fewer layers" : ""
      }`,
    );
  }
  return timed && { predictedMs, measuredMs: ms, kind };
}

function finalistOf(candidate: Candidate<FoundNetwork>, found: Candidate<FoundNetwork>): DeviceSearchFinalist {
  const { choices, accuracy, predictedMs, correctedMs, measuredMs, againMs } = candidate;
  return {
    choices: choiceWords(choices),
    accuracy,
    predictedMs,
    correctedMs,
    ...measuredMs !== undefined && { measuredMs },
    ...againMs !== undefined && { againMs },
    chosen: candidate.network.key === found.network.key,
  };
}
