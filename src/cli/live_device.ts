/** `--device live`: this machine's server, the phone that comes to it, its latency table, and times of whatever is asked. */
import type { Graph } from "../graph/types.ts";
import { timingJob } from "../measure/asked/shape_id.ts";
import { WHOLE } from "../measure/asked/types.ts";
import { readGiven } from "../models/given.ts";
import { UserError } from "../errors.ts";
import type { AskedTable } from "../measure/latency/asked_table.ts";
import { tableIn } from "../measure/latency/choose.ts";
import type { DeviceRecord } from "../report/devices/record.ts";
import { readDeviceRecord } from "../report/devices/schema.ts";
import { joinPath } from "../store/path.ts";
import type { Store } from "../store/types.ts";
import { sameAdapter } from "../sweep/phones/check_answer.ts";
import { recipeName } from "../one_line/choose_recipe.ts";
import type { Timed } from "../sweep/device_search/search.ts";
import { askTable, BATCH, phoneTable } from "../sweep/phones/ask_table.ts";
import { type LivePhone, livePhone } from "../sweep/phones/live_phone.ts";
import type { PhoneSession } from "../sweep/phones/desk.ts";
import type { Io } from "./io.ts";
import { checkServerOptions, openServer, reachAdvice } from "./server/open_server.ts";
import { createRecords } from "./server/records.ts";
import type { TerminalUi } from "./ui.ts";

export interface LiveDevice {
  /** Of the phone that came, with the network's table. */
  readonly record: DeviceRecord;
  /** Times of one image, in the networks' order. */
  time(
    networks: readonly { readonly title: string; readonly graph: Graph; readonly expectedMs: number | undefined }[],
    when: "first" | "again",
  ): Promise<readonly Timed[]>;
  /** The phone is told to go, and the server ends. */
  end(): Promise<void>;
}

export interface LiveDeviceOptions {
  /** The network's. */
  readonly file: string;
  readonly output?: string;
  readonly inputs?: Readonly<Record<string, string>>;
  readonly lan?: boolean;
  readonly http?: boolean;
  readonly port?: number;
}

const PORT = 8443;
const RUNS = "runs";

/**
 * Serves the page, waits for a phone, and has it time the network's latency table.
 * @throws UserError where the server can't be opened, no phone comes, or it goes before the table is done
 */
export async function openLiveDevice(
  io: Io,
  ui: TerminalUi,
  { file, output, inputs, lan, http, port = PORT }: LiveDeviceOptions,
): Promise<LiveDevice> {
  const tool = `secateur ${io.version()}`;
  const reach = { port, lan, http };
  checkServerOptions(reach);
  const { graph } = (await readGiven({ model: { name: file, output, inputs } }, io.store)).model!;
  const name = recipeName(file);
  const asked = await phoneTable(name, graph);
  const phone = livePhone({ what: `the search for the best ${name}`, warn: ui.warn });
  const stop = new AbortController();
  const opened = await openServer(
    io,
    reach,
    { runs: RUNS, work: phone.work, tool, onRecord() {} },
    AbortSignal.any([io.signal, stop.signal]),
  );
  const end = async () => {
    await phone.end();
    // The page asks once more, and is told that all is done.
    await new Promise((resolve) => setTimeout(resolve, io.signal.aborted ? 0 : LAST_ANSWER_MS));
    stop.abort();
    await opened.finished;
  };
  try {
    io.err(`${opened.qr}\n\n${opened.link}\n`);
    io.err([...reachAdvice(reach, opened), "Press Work for this sweep there, and keep the page in sight."].join("\n"));
    const session = await phone.come(io.signal);
    ui.note(`${session.name} has come`);
    const record = await earlierRecord(io, ui, session, graph) ??
      await newRecord(io, ui, { phone, asked, tool, name });
    return { record, time: timesBy(phone, io.signal), end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** The latest record of this very device that has the network's table: what has changed since then is corrected. */
async function earlierRecord(
  io: Io,
  ui: TerminalUi,
  session: PhoneSession,
  graph: Graph,
): Promise<DeviceRecord | undefined> {
  const found = await recordsWithTable(io.store, joinPath(RUNS, "devices"), session, graph);
  const [latest] = found.toSorted((a, b) => a.record.started < b.record.started ? 1 : -1);
  if (!latest) return undefined;
  const { file, record } = latest;
  const day = record.started.slice(0, 10);
  ui.note(`the latency table of ${file} is taken, of ${day}; move it away to have another one built`);
  return record;
}

interface NewTable {
  readonly phone: LivePhone;
  readonly asked: AskedTable;
  readonly tool: string;
  /** The network's. */
  readonly name: string;
}

async function newRecord(io: Io, ui: TerminalUi, { phone, asked, tool, name }: NewTable): Promise<DeviceRecord> {
  const stage = ui.stage("table", asked.jobs.length);
  try {
    const progress = (done: number) => stage.update(done, {});
    const record = await askTable(phone, asked, { tool, signal: io.signal, progress });
    stage.done(`${asked.jobs.length} shapes`);
    const { file } = await createRecords(io.store, RUNS)(record);
    ui.note(`the latency table of ${name} on ${record.name} is kept in ${file}`);
    return record;
  } catch (error) {
    stage.abandon();
    throw error;
  }
}

function timesBy(phone: LivePhone, signal: AbortSignal): LiveDevice["time"] {
  return async (networks, when) => {
    const payloads = await Promise.all(networks.map(async ({ title, graph, expectedMs }) => ({
      job: await timingJob({ title, graph, batch: BATCH, timed: [WHOLE] }),
      expectedMs,
    })));
    // Networks of other widths may come to one graph.
    const distinct = [...new Map(payloads.map((payload) => [payload.job.shape, payload])).values()];
    const told = await phone.times(distinct, { signal, again: when === "again" });
    return payloads.map(({ job: { shape } }) => {
      const found = told.get(shape)!;
      return "failed" in found ? found : found.times[0];
    });
  };
}

const LAST_ANSWER_MS = 1000;

/** Records of this device, by its name and adapter, with a table that has the network's layers. */
async function recordsWithTable(
  store: Store,
  folder: string,
  { name, adapter }: PhoneSession,
  graph: Graph,
): Promise<{ readonly file: string; readonly record: DeviceRecord }[]> {
  const files = (await store.list(folder)).filter((file) => file.endsWith(".json"));
  const records = await Promise.all(files.map(async (file) => {
    try {
      return { file, record: readDeviceRecord((await store.read(file))!, file) };
    } catch (error) {
      if (error instanceof UserError) return undefined;
      throw error;
    }
  }));
  return records.filter((found) => found !== undefined).filter(({ record: { name: own, device, tables = [] } }) =>
    own === name && device !== undefined && sameAdapter(device, adapter) &&
    tableIn(tables, { batch: BATCH }, { graph }) !== undefined
  );
}
