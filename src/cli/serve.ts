import { Command } from "commander";
import { UserError } from "../errors.ts";
import { adapterName } from "../gpu/adapter.ts";
import { speedOf } from "../report/devices/speedups.ts";
import type { DeviceRecord } from "../report/devices/record.ts";
import { milliSpread, times } from "../report/format.ts";
import { joinPath, normalisePath } from "../store/path.ts";
import { visible } from "../visible.ts";
import { examples } from "./examples.ts";
import type { Io } from "./io.ts";
import { portNumber } from "./options.ts";
import { checkServerOptions, openServer, reachAdvice, type ServerOptions } from "./server/open_server.ts";
import type { Kept } from "./server/records.ts";
import type { TableWork } from "./server/table_work.ts";
import { formatTable } from "./table.ts";

interface ServeOptions extends ServerOptions {
  readonly runs: string;
  readonly work?: string;
}

export function serveCommand(io: Io): Command {
  return new Command("serve")
    .description("serve the phone page: times networks in a phone's browser and keeps what it finds in runs/devices/")
    .argument("[networks...]", ".onnx files that the page offers to time and to shrink")
    .option("--runs <dir>", "folder of the runs that the page may time, and where devices' records go", "runs")
    .option("--work <network>", "have phones build the latency table of this .onnx file, or network of the zoo")
    .option("--port <n>", "port to listen on; 0 takes any free one", portNumber, 8443)
    .option("--lan", "let other machines of the network in, not only this one")
    .option("--http", "without encryption: for this machine, and for phones through `adb reverse tcp:8443 tcp:8443`")
    .option("--cert <file>", "a certificate of one's own, PEM")
    .option("--key <file>", "and its key")
    .option("--new-token", "make links that were given out before worthless")
    .option("--new-certificate", "make the certificate anew: browsers will warn once more")
    .addHelpText("after", examples("serve --lan", "serve net.onnx --lan", "serve --work net.onnx --lan"))
    .action(async (networks: readonly string[], options: ServeOptions) => await serve(io, networks, options));
}

async function serve(io: Io, given: readonly string[], options: ServeOptions): Promise<void> {
  const runs = normalisePath(options.runs);
  checkServerOptions(options);
  const networks = given.length === 0
    ? []
    : await (await import("./server/served_networks.ts")).readServed(io.store, given);
  const tool = `secateur ${io.version()}`;
  const table = options.work === undefined ? undefined : await tableFor(io, options.work, tool);
  const onRecord = (record: DeviceRecord, kept: Kept) => tellRecord(io, record, kept);
  const opened = await openServer(io, options, { runs, networks, work: table?.work, tool, onRecord }, io.signal);
  io.out(`${opened.qr}\n\n${opened.link}\n`);
  const kept = `Records are kept in ${joinPath(runs, "devices")}/. Ctrl-C stops.`;
  io.out([...reachAdvice(options, opened), kept].join("\n"));
  await Promise.all([opened.finished, table && buildTable(io, table, runs)]);
  io.out("stopped");
}

async function tableFor(io: Io, network: string, tool: string): Promise<TableWork> {
  const { networksNamed } = await import("./networks.ts");
  const { tableWork } = await import("./server/table_work.ts");
  const [named] = await networksNamed([network], io.store);
  return await tableWork(named, { tool, warn: (text) => io.err(visible(text)) });
}

/** Tells what phones have come to; the server goes on. */
async function buildTable(io: Io, table: TableWork, runs: string): Promise<void> {
  const { createRecords } = await import("./server/records.ts");
  io.out("Phones that open the page are asked for the table: Work for this sweep.");
  try {
    const record = await table.build(io.signal);
    const { file } = await createRecords(io.store, runs)(record);
    io.out(`the latency table is done: ${file}, for --device`);
  } catch (error) {
    if (io.signal.aborted) return;
    if (!(error instanceof UserError)) throw error;
    io.err(`no latency table: ${error.message}`);
  }
}

/** The rows that this post added, under the device's name. */
function tellRecord(io: Io, record: DeviceRecord, { file, before }: Kept): void {
  const rows = record.rows.slice(before?.rows.length ?? 0);
  if (!before) {
    const { device, backend, name } = record;
    const adapter = device ? adapterName(device) : "no device";
    io.out(`\n${name}: ${visible(adapter)}${device?.fallback ? " (software)" : ""}, ${backend}`);
  }
  if (rows.length > 0) {
    io.out(formatTable(
      rows.map((row) => [
        row.network,
        row.variant,
        `batch ${row.batch}`,
        row.medianMs === undefined ? row.reason ?? "–" : milliSpread(row.medianMs, row.madMs ?? 0),
        speedText(record, row),
        row.doubt ?? "",
      ]),
    ));
  }
  if (record.complete && !before?.complete) io.out(`${record.name} is done: ${file}`);
}

function speedText(record: DeviceRecord, { network, variant, batch }: DeviceRecord["rows"][number]): string {
  if (variant !== "pruned") return "";
  const speed = speedOf(record.rows, network, batch);
  return speed?.ratio === undefined ? "" : `${times(speed.ratio)} as fast, ${times(speed.macs)} fewer MACs`;
}
