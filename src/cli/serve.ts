import { Command } from "commander";
import { UsageError, UserError } from "../errors.ts";
import { adapterName } from "../gpu/adapter.ts";
import { speedOf } from "../report/devices/speedups.ts";
import type { DeviceRecord } from "../report/devices/record.ts";
import { milliSpread, times } from "../report/format.ts";
import { joinPath, normalisePath } from "../store/path.ts";
import { visible } from "../visible.ts";
import { examples } from "./examples.ts";
import type { Io } from "./io.ts";
import { portNumber } from "./options.ts";
import type { TableWork } from "./server/table_work.ts";
import type { Certificate } from "./server/listen.ts";
import type { Kept } from "./server/records.ts";
import { formatTable } from "./table.ts";

interface ServeOptions {
  readonly runs: string;
  readonly port: number;
  readonly lan?: boolean;
  readonly http?: boolean;
  readonly cert?: string;
  readonly key?: string;
  readonly newToken?: boolean;
  readonly newCertificate?: boolean;
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
  const { http = false, newToken = false } = options;
  const runs = normalisePath(options.runs);
  if ((options.cert === undefined) !== (options.key === undefined)) {
    throw new UsageError("--cert and --key belong together: give both, or none for a certificate made here");
  }
  if (options.newCertificate && (http || options.cert !== undefined)) {
    throw new UsageError(
      "--new-certificate makes the certificate that is made here: leave out --http, --cert and --key",
    );
  }
  if (http && options.cert !== undefined) throw new UsageError("--http has no use for a certificate: leave one out");
  if (http && options.lan) {
    throw new UsageError(
      "--http is for this machine only: WebGPU needs HTTPS from others, so leave one of the two out",
    );
  }
  const networks = given.length === 0
    ? []
    : await (await import("./server/served_networks.ts")).readServed(io.store, given);
  const tool = `secateur ${io.version()}`;
  const table = options.work === undefined ? undefined : await tableFor(io, options.work, tool);
  const serving = await io.serving();
  const { createHandler } = await import("./server/handler.ts");
  const { createTurns } = await import("./server/rate.ts");
  const { keptToken } = await import("./server/token.ts");
  const addresses = serving.lanAddresses();
  const lan = !http && addresses.length > 0 &&
    (options.lan ?? io.confirm(`Let other machines of the network in, at ${addresses[0]}?`));
  if (options.lan && !lan) throw new UserError("this machine has no address in a network: leave --lan out");
  const names = ["localhost", "127.0.0.1", "::1", ...addresses];
  const certificate = http ? undefined : await certificateOf(io, options, serving.folder(), names);
  // Browsers believe a certificate of one's own under its names only.
  const own = options.cert === undefined ? [] : await namesOf(certificate!);
  const token = await keptToken(io.store, joinPath(serving.folder(), "token"), newToken);
  const files = await serving.bundle(tool);
  const toTell = createTurns(REFUSALS.spanMs, REFUSALS.addresses);
  const { port, finished } = await serving.listen({
    hostname: !lan ? "127.0.0.1" : addresses[0].includes(":") ? "::" : "0.0.0.0",
    port: options.port,
    certificate,
    signal: io.signal,
    handler: createHandler({
      files,
      store: io.store,
      runs,
      networks,
      work: table?.work,
      token,
      hosts: new Set([...names, ...own]),
      tool,
      onRecord: (record, kept) => tellRecord(io, record, kept),
      onRefusal: (from, status, reason) => {
        if (!io.signal.aborted && toTell(from)) io.err(visible(`refused ${from}: ${status}, ${reason}`));
      },
      onFault: (error) => tellFault(io, error),
    }),
  });
  const host = lan ? own.find((name) => !name.startsWith("*") && name !== "localhost") ?? addresses[0] : "localhost";
  const link = `${http ? "http" : "https"}://${hostOf(host)}:${port}/#t=${token}`;
  io.out(`${serving.qr(link)}\n\n${link}\n`);
  io.out(advice({ lan, http, own: options.cert !== undefined, runs, port }));
  await Promise.all([finished, table && buildTable(io, table, runs)]);
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

/** Of what an address is refused, one line in a minute is told, and of so many addresses. */
const REFUSALS = { spanMs: 60_000, addresses: 100 } as const;

function tellFault(io: Io, error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  io.err(visible(`internal error while answering: ${text} (SECATEUR_DEBUG=1 shows where)`));
  if (io.debug() > 0 && error instanceof Error) io.err(error.stack ?? "");
}

interface Advice {
  readonly lan: boolean;
  readonly http: boolean;
  /** The certificate is one's own. */
  readonly own: boolean;
  readonly runs: string;
  readonly port: number;
}

function advice({ lan, http, own, runs, port }: Advice): string {
  return [
    lan
      ? "Open the link on a phone in the same network, or scan the code."
      : http
      ? `Open the link here, or on a phone on a cable: adb reverse tcp:${port} tcp:${port}`
      : "Only this machine is let in; --lan lets phones of the network in.",
    ...http || own ? [] : ["Its certificate is made here: the browser will warn once, and asks whether to go on."],
    `Records are kept in ${joinPath(runs, "devices")}/. Ctrl-C stops.`,
  ].join("\n");
}

async function certificateOf(
  { store }: Io,
  { cert, key, newCertificate }: ServeOptions,
  folder: string,
  names: readonly string[],
): Promise<Certificate> {
  const { givenCertificate, ownCertificate } = await import("./server/certificate.ts");
  if (cert === undefined) return await ownCertificate(store, { folder, names, fresh: newCertificate });
  return await givenCertificate(store, cert, key!);
}

async function namesOf({ cert }: Certificate): Promise<string[]> {
  return (await import("./server/certificate.ts")).certificateNames(cert);
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

function hostOf(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}
