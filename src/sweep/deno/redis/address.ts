/** Where a Redis is, and how its errors read: without passwords. */
import { UserError } from "../../../errors.ts";

/**
 * The address as it may be shown: without name and password.
 * @throws UserError for one that names no Redis
 */
export function shownAddress(url: string): string {
  const parsed = URL.parse(url);
  if (!parsed || !["redis:", "rediss:"].includes(parsed.protocol) || parsed.hostname === "") {
    throw new UserError("--queue: this is no address of a Redis; expected redis://host:6379, or rediss:// for TLS");
  }
  const database = parsed.pathname.replace(/^\//, "");
  if (!/^\d*$/.test(database)) {
    throw new UserError(
      "--queue: what follows the host is no database of a Redis; expected a number, such as redis://host:6379/1",
    );
  }
  return `${parsed.protocol}//${parsed.host}${database === "" ? "" : `/${database}`}`;
}

/** What an error of the client or the server means for the user; undefined for one that is no matter of theirs. */
export function explained(where: string, error: unknown): UserError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { message, name } = error;
  const code = (error as { code?: unknown }).code;
  if (/^(NOAUTH|WRONGPASS|ERR invalid password)/.test(message)) {
    const how = message.startsWith("NOAUTH") ? "asks for a password" : "refuses this name or password";
    return new UserError(
      `${where}: Redis ${how}: give it as redis://:password@host:6379, or in SECATEUR_REDIS_PASSWORD`,
    );
  }
  if (/^NOPERM/.test(message)) {
    return new UserError(`${where}: Redis refuses: ${message}: give the user all commands on secateur:*`);
  }
  if (/^OOM /.test(message)) return new UserError(`${where}: Redis has no memory left: raise its maxmemory`);
  if (/^MISCONF /.test(message)) return new UserError(`${where}: Redis can't write its files: make room on its disk`);
  if (name === "ReplyError") return new UserError(`${where}: Redis refuses: ${message}`);
  if (code === "ECONNREFUSED") {
    return new UserError(`${where}: no Redis answers there: start redis-server, or correct --queue`);
  }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return new UserError(`${where}: there is no such host: correct --queue`);
  }
  if (code === "ETIMEDOUT") {
    return new UserError(`${where}: nothing answers in time: correct --queue (rediss:// where Redis expects TLS)`);
  }
  if (/certificate|TLS|SSL|handshake/i.test(message)) {
    return new UserError(
      `${where}: no connection by TLS: ${message}: give the file of its authority in DENO_CERT, or correct --queue`,
    );
  }
  if (name === "ParserError") {
    return new UserError(`${where}: what answers there is no Redis: correct --queue`);
  }
  if (typeof code === "string" || /Connection is closed/.test(message)) {
    return new UserError(`${where}: the connection to Redis is lost: ${message}`);
  }
}
