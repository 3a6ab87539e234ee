/** Opens the port and keeps answering until the signal says stop. */
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
  /** Without one it is plain HTTP. */
  readonly certificate?: Certificate;
  readonly handler: (request: Request) => Promise<Response>;
  readonly signal: AbortSignal;
}

export interface Listening {
  readonly port: number;
  /** When the server has come to its end. */
  readonly finished: Promise<void>;
}

/** @throws UserError where the port is taken or may not be used, or the certificate can't be read */
export function listen({ hostname, port, certificate, handler, signal }: ListenOptions): Listening {
  try {
    const server = Deno.serve(
      { hostname, port, signal, onListen() {}, ...certificate ? { cert: certificate.cert, key: certificate.key } : {} },
      handler,
    );
    return { port: (server.addr as Deno.NetAddr).port, finished: server.finished };
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      throw new UserError(`port ${port} is in use: another server runs on it; choose another one with --port`);
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new UserError(`port ${port} may not be used without more rights: choose one above 1023 with --port`);
    }
    if (certificate && error instanceof Error) {
      throw new UserError(
        `the certificate or its key can't be used (${error.message.split("\n")[0]}): expected PEM files`,
      );
    }
    throw error;
  }
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
