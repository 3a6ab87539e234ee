/** Opens the server of the phone page: its certificate, its token, its address, and the link that lets phones in. */
import { UsageError, UserError } from "../../errors.ts";
import type { DeviceRecord } from "../../report/devices/record.ts";
import { joinPath } from "../../store/path.ts";
import { visible } from "../../visible.ts";
import type { Io } from "../io.ts";
import type { Certificate } from "./listen.ts";
import type { PhoneWork } from "./phone_work.ts";
import type { Kept } from "./records.ts";
import type { ServedNetwork } from "./served_networks.ts";

/** How it is reached, as options say it. */
export interface ServerOptions {
  readonly port: number;
  readonly lan?: boolean;
  readonly http?: boolean;
  readonly cert?: string;
  readonly key?: string;
  readonly newToken?: boolean;
  readonly newCertificate?: boolean;
}

/** What it serves. */
export interface Served {
  /** Folder of the runs that pages may time, and where devices' records go. */
  readonly runs: string;
  readonly networks?: readonly ServedNetwork[];
  readonly work?: PhoneWork;
  readonly tool: string;
  readonly onRecord: (record: DeviceRecord, kept: Kept) => void;
}

export interface Opened {
  /** With the token. */
  readonly link: string;
  /** The link as a code of block characters. */
  readonly qr: string;
  readonly lan: boolean;
  /** When the server has come to its end. */
  readonly finished: Promise<void>;
  readonly port: number;
}

/** @throws UsageError for options that don't go together */
export function checkServerOptions({ cert, key, http = false, newCertificate, lan }: ServerOptions): void {
  if ((cert === undefined) !== (key === undefined)) {
    throw new UsageError("--cert and --key belong together: give both, or none for a certificate made here");
  }
  if (newCertificate && (http || cert !== undefined)) {
    throw new UsageError(
      "--new-certificate makes the certificate that is made here: leave out --http, --cert and --key",
    );
  }
  if (http && cert !== undefined) throw new UsageError("--http has no use for a certificate: leave one out");
  if (http && lan) {
    throw new UsageError(
      "--http is for this machine only: WebGPU needs HTTPS from others, so leave one of the two out",
    );
  }
}

/**
 * Listens until the signal is aborted.
 * @throws UserError where the port is taken, or a certificate can't be used
 */
export async function openServer(io: Io, options: ServerOptions, served: Served, signal: AbortSignal): Promise<Opened> {
  const { http = false, newToken = false } = options;
  const serving = await io.serving();
  const { createHandler } = await import("./handler.ts");
  const { createTurns } = await import("./rate.ts");
  const { keptToken } = await import("./token.ts");
  const addresses = serving.lanAddresses();
  const lan = !http && addresses.length > 0 &&
    (options.lan ?? io.confirm(`Let other machines of the network in, at ${addresses[0]}?`));
  if (options.lan && !lan) throw new UserError("this machine has no address in a network: leave --lan out");
  const names = ["localhost", "127.0.0.1", "::1", ...addresses];
  const certificate = http ? undefined : await certificateOf(io, options, serving.folder(), names);
  // Browsers believe a certificate of one's own under its names only.
  const own = options.cert === undefined ? [] : await namesOf(certificate!);
  const token = await keptToken(io.store, joinPath(serving.folder(), "token"), newToken);
  const files = await serving.bundle(served.tool);
  const toTell = createTurns(REFUSALS.spanMs, REFUSALS.addresses);
  const { port, finished } = await serving.listen({
    hostname: !lan ? "127.0.0.1" : addresses[0].includes(":") ? "::" : "0.0.0.0",
    port: options.port,
    certificate,
    signal,
    handler: createHandler({
      ...served,
      files,
      store: io.store,
      token,
      hosts: new Set([...names, ...own]),
      onRefusal: (from, status, reason) => {
        if (!signal.aborted && toTell(from)) io.err(visible(`refused ${from}: ${status}, ${reason}`));
      },
      onFault: (error) => tellFault(io, error),
    }),
  });
  const host = lan ? own.find((name) => !name.startsWith("*") && name !== "localhost") ?? addresses[0] : "localhost";
  const link = `${http ? "http" : "https"}://${hostOf(host)}:${port}/#t=${token}`;
  return { link, qr: serving.qr(link), lan, finished, port };
}

/** How phones come to the link. */
export function reachAdvice({ http, cert }: ServerOptions, { lan, port }: Pick<Opened, "lan" | "port">): string[] {
  return [
    lan
      ? "Open the link on a phone in the same network, or scan the code."
      : http
      ? `Open the link here, or on a phone on a cable: adb reverse tcp:${port} tcp:${port}`
      : "Only this machine is let in; --lan lets phones of the network in.",
    ...http || cert !== undefined
      ? []
      : ["Its certificate is made here: the browser will warn once, and asks whether to go on."],
  ];
}

/** Of what an address is refused, one line in a minute is told, and of so many addresses. */
const REFUSALS = { spanMs: 60_000, addresses: 100 } as const;

function tellFault(io: Io, error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  io.err(visible(`internal error while answering: ${text} (SECATEUR_DEBUG=1 shows where)`));
  if (io.debug() > 0 && error instanceof Error) io.err(error.stack ?? "");
}

async function certificateOf(
  { store }: Io,
  { cert, key, newCertificate }: ServerOptions,
  folder: string,
  names: readonly string[],
): Promise<Certificate> {
  const { givenCertificate, ownCertificate } = await import("./certificate.ts");
  if (cert === undefined) return await ownCertificate(store, { folder, names, fresh: newCertificate });
  return await givenCertificate(store, cert, key!);
}

async function namesOf({ cert }: Certificate): Promise<string[]> {
  return (await import("./certificate.ts")).certificateNames(cert);
}

function hostOf(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}
