/** Opens the port and keeps answering until the signal says stop. Whoever sends slowly is given up on. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { UserError } from "../../errors.ts";

/** Both as PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface ListenOptions {
  readonly hostname: string;
  /** 0: any free one. */
  readonly port: number;
  /** By which a command line names the port, for messages; default "--port". */
  readonly option?: string;
  /** Without one it is plain HTTP. */
  readonly certificate?: Certificate;
  /**
   * @param request undefined where its Host and its address make no URL
   * @param from the address that asks
   */
  readonly handler: (request: Request | undefined, from: string) => Promise<Response>;
  readonly signal: AbortSignal;
  /** For a greeting by TLS, and for a request's headers, in ms; default 10,000. */
  readonly headersMs?: number;
  /**
   * "short" ones have to arrive as a whole within 20 s. "long" ones take as long as something of them moves: one that stands
   * still for `idleMs` (default 30,000) is given up, as its connection is.
   */
  readonly bodies?: "short" | "long";
  readonly idleMs?: number;
}

export interface Listening {
  readonly port: number;
  /** When the server has come to its end. */
  readonly finished: Promise<void>;
}

/** For a whole request, its body too, after its headers: the largest post has a limit of its own, below this one. */
const BODY_MS = 20_000;
/** A connection without a request. */
const IDLE_MS = 30_000;

/** @throws UserError where the port is taken or may not be used */
export async function listen(options: ListenOptions): Promise<Listening> {
  const { hostname, port, certificate, signal, headersMs = 10_000, bodies = "short", idleMs = IDLE_MS } = options;
  const limits = {
    headersTimeout: headersMs,
    requestTimeout: bodies === "long" ? 0 : headersMs + BODY_MS,
    keepAliveTimeout: IDLE_MS,
    connectionsCheckingInterval: Math.min(1000, headersMs / 4),
  };
  const answer = (message: IncomingMessage, response: ServerResponse) => void respond(options, message, response);
  const server = certificate
    ? createTlsServer({ cert: certificate.cert, key: certificate.key, handshakeTimeout: headersMs, ...limits }, answer)
    : createServer(limits, answer);
  if (bodies === "long") {
    server.on(certificate ? "secureConnection" : "connection", (socket: Socket) => {
      socket.setTimeout(idleMs, () => socket.destroy());
    });
  }
  const opened = Promise.withResolvers<void>();
  const finished = Promise.withResolvers<void>();
  server.on("error", opened.reject);
  server.on("close", finished.resolve);
  server.listen(port, hostname, opened.resolve);
  await opened.promise.catch((error) => {
    throw refusedPort(error, options);
  });
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  return { port: (server.address() as AddressInfo).port, finished: finished.promise };
}

function refusedPort(
  error: Error & { code?: string },
  { hostname, port, option = "--port" }: ListenOptions,
): Error {
  if (error.code === "EADDRINUSE") {
    return new UserError(`port ${port} is in use: another server runs on it; choose another one with ${option}`);
  }
  if (error.code === "EACCES") {
    return new UserError(`port ${port} may not be used without more rights: choose one above 1023 with ${option}`);
  }
  if (error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND") {
    return new UserError(`${hostname} is no address of this machine: choose another one with ${option}`);
  }
  return error;
}

async function respond(
  { handler, certificate }: ListenOptions,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // Whoever asked may be gone before the answer is.
  response.on("error", () => {});
  message.on("error", () => {});
  const request = requestOf(message, certificate ? "https" : "http");
  const answer = await handler(request, message.socket.remoteAddress ?? "unknown");
  const headers = Object.fromEntries(answer.headers);
  // A handler that says how long its answer is has it sent bit by bit.
  if (headers["content-length"] !== undefined) return await stream(message, response, answer, headers);
  const body = new Uint8Array(await answer.arrayBuffer());
  if (message.method !== "HEAD" && answer.status !== 304) headers["content-length"] = String(body.length);
  // What was posted and not read would be taken for the next request, or be waited for.
  if (!message.complete) headers.connection = "close";
  response.writeHead(answer.status, headers);
  response.end(body);
  if (!message.complete) response.on("finish", () => message.socket.destroySoon());
}

async function stream(
  message: IncomingMessage,
  response: ServerResponse,
  { status, body }: Response,
  headers: Record<string, string>,
): Promise<void> {
  response.writeHead(status, headers);
  if (message.method === "HEAD" || !body) return void response.end();
  const gone = new Promise<void>((resolve) => response.once("close", resolve));
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return void response.end();
      if (response.destroyed) break;
      if (!response.write(value)) await Promise.race([new Promise((resolve) => response.once("drain", resolve)), gone]);
    }
  } catch {
    // What was promised can't be sent: whoever waits for it must notice.
  }
  await reader.cancel().catch(() => {});
  message.socket.destroy();
}

/** A name or an address, and a port. */
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

/** Undefined where host and address make no URL of this server. */
function requestOf(message: IncomingMessage, scheme: "http" | "https"): Request | undefined {
  const { method = "GET", url = "", headers: { host = "" } } = message;
  const address = HOST.test(host) && url.startsWith("/") ? URL.parse(`${scheme}://${host}${url}`) : null;
  if (!address) return undefined;
  const headers = new Headers();
  for (const [name, values] of Object.entries(message.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  const body = method === "GET" || method === "HEAD" ? undefined : bodyOf(message);
  return new Request(address, { method, headers, body });
}

/** Read as it is asked for; what nobody asks for any more stays where it is, since its connection still has to answer. */
function bodyOf(message: IncomingMessage): ReadableStream<Uint8Array<ArrayBuffer>> {
  const chunks = message[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(new Uint8Array(value));
    },
  }, { highWaterMark: 0 });
}

/** The addresses of this machine in its local networks; IPv4 first, as people read them off a screen. */
export function lanAddresses(): string[] {
  const found = Deno.networkInterfaces().filter(({ name, address, family }) =>
    !isLoopback(address) && !/^(docker|veth|br-)/.test(name) && !(family === "IPv6" && address.startsWith("fe80"))
  );
  return [...found.filter(({ family }) => family === "IPv4"), ...found.filter(({ family }) => family === "IPv6")]
    .map(({ address }) => address);
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}
