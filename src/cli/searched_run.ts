/** `--search`: the network that a recipe is chosen for is searched first, on a phone that is there meanwhile, or by its table. */
import { UsageError, UserError } from "../errors.ts";
import { adapterName } from "../gpu/adapter.ts";
import { LIVE, type Wish } from "../one_line/asked.ts";
import type { Survey } from "../one_line/choose_recipe.ts";
import type { SearchedNetwork } from "../one_line/searched_network.ts";
import { knowledgeOf } from "../one_line/training_choice.ts";
import type { DeviceSearch } from "../report/types.ts";
import type { DeviceRecord } from "../report/devices/record.ts";
import { readDeviceRecord } from "../report/devices/schema.ts";
import { percent } from "../report/format.ts";
import type { Graph } from "../graph/types.ts";
import type { SearchDeviceOptions } from "./io.ts";
import type { Io } from "./io.ts";
import type { LiveDevice } from "./live_device.ts";
import type { RunOptions } from "./options.ts";
import type { TerminalUi } from "./ui.ts";

/** How the phone reaches this machine. */
export interface LiveOptions {
  readonly lan?: boolean;
  readonly http?: boolean;
  readonly port?: number;
}

/** What a search has come to; the phone goes when it is disposed of. */
export interface Searched extends AsyncDisposable {
  readonly search: DeviceSearch;
  readonly found: SearchedNetwork;
  /** Absent without a phone. */
  readonly timeFinal?: (graph: Graph) => Promise<number | undefined>;
}

interface SearchRequest {
  readonly file: string;
  readonly survey: Survey;
  readonly wish: Wish & { readonly search: number };
  readonly options: RunOptions & LiveOptions & { readonly round?: number };
}

/** @throws UsageError for options of a phone where none is asked for */
export function checkLiveOptions({ device, lan, http, port }: LiveOptions & Pick<RunOptions, "device">): void {
  const [given] = [["--lan", lan], ["--http", http], ["--port", port]].find(([, value]) => value !== undefined) ?? [];
  if (given !== undefined && device !== LIVE) throw new UsageError(`${given} is for --device live: give both`);
  if (http && lan) throw new UsageError("--http is for this machine only: leave one of --http and --lan out");
}

/**
 * @throws UserError where the network knows too little to be searched, no phone comes or it goes, and where nothing keeps the
 * time
 */
export async function searchRun(io: Io, ui: TerminalUi, request: SearchRequest): Promise<Searched> {
  const { file, survey, wish: { device } } = request;
  requireTrained(file, survey);
  if (device !== LIVE) {
    const record = await recordOf(io, device!);
    const result = await search(io, ui, request, record);
    return { ...result, async [Symbol.asyncDispose]() {} };
  }
  const { openLiveDevice } = await import("./live_device.ts");
  const { options } = request;
  const live = await openLiveDevice(io, ui, { file, output: options.output, inputs: options.input, ...options });
  try {
    const result = await search(io, ui, request, live.record, live.time);
    return { ...result, timeFinal: finalOf(live, ui), [Symbol.asyncDispose]: live.end };
  } catch (error) {
    await live.end();
    throw error;
  }
}

async function search(
  io: Io,
  ui: TerminalUi,
  { file, wish, options }: SearchRequest,
  { name, tables = [], device }: DeviceRecord,
  time?: SearchDeviceOptions["time"],
) {
  if (device?.fallback) ui.warn(`${name} is a software adapter (${adapterName(device)}): its times are no phone's`);
  const { output, input: inputs, weights, limit, dataDir, seed = 1, round } = options;
  const engine = await io.engine();
  return await engine.searchDevice({
    network: { model: { name: file, output, inputs }, weights },
    data: { name: options.data!, validation: 0.15, limit },
    dataDir,
    store: io.store,
    ui,
    signal: io.signal,
    device: name,
    tables,
    limitMs: wish.goal.amount,
    candidates: wish.search,
    seed,
    criterion: wish.criterion,
    exclude: wish.exclude,
    round,
    time,
  });
}

/** Candidates are compared as they are before training, which says nothing of weights that know nothing. */
function requireTrained(file: string, survey: Survey): void {
  if (knowledgeOf(survey) === "trained") return;
  const { accuracy, scored, chance } = survey.known!;
  throw new UserError(
    `--search compares networks by what they know before they are trained on, and ${file} has ${
      percent(accuracy, 1)
    } of ` +
      `${scored} training images right, where ${
        percent(chance, 1)
      } takes no knowledge: train it first, or leave --search out`,
  );
}

async function recordOf(io: Io, file: string): Promise<DeviceRecord> {
  const bytes = await io.store.read(file);
  if (!bytes) throw new UserError(`${file}: no such file; expected a device's record with latency tables, or live`);
  return readDeviceRecord(bytes, file);
}

/** A phone that has gone by now ends no run: its network is trained. */
function finalOf(live: LiveDevice, ui: TerminalUi): (graph: Graph) => Promise<number | undefined> {
  return async (graph) => {
    try {
      const [ms] = await live.time([{ title: "the trained network", graph, expectedMs: undefined }], "again");
      if (typeof ms === "number") return ms;
      ui.warn(`the trained network couldn't be timed on ${live.record.name}: ${ms.failed}`);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      ui.warn(`the trained network wasn't timed on ${live.record.name}: ${error.message}`);
    }
  };
}
