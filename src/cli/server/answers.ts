/** What the servers of this folder have in common: who may ask, what is answered, and what is refused. */
import { UserError } from "../../errors.ts";
import { headersOf } from "./headers.ts";
import { Refusal } from "./refusal.ts";

export interface Told {
  /** Told what an address was refused, but for files that there aren't: browsers ask for some by themselves. */
  readonly onRefusal: (from: string, status: number, reason: string) => void;
  /** Told of what is nobody's fault but the server's. */
  readonly onFault: (error: unknown) => void;
}

/** Tells of an error, and makes an answer of it. */
export function answerRefusal(error: unknown, from: string, { onRefusal, onFault }: Told): Response {
  if (!(error instanceof Refusal) && !(error instanceof UserError)) onFault(error);
  const refused = refusalOf(error);
  if (refused.status !== 404) onRefusal(from, refused.status, refused.message);
  return refusal(refused);
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal(500, error instanceof UserError ? error.message : "the server failed: see its terminal");
}

/** What the page is told. */
function refusal({ status, message, headers }: Refusal): Response {
  return new Response(JSON.stringify({ error: message }) + "\n", {
    status,
    headers: { ...headersOf(""), "content-type": "application/json", "cache-control": "no-store", ...headers },
  });
}

/** The names of a path, decoded. Nothing is looked up by them but in maps and lists, so ".." is just an unknown name. */
export function partsOf(pathname: string): string[] {
  try {
    return pathname.slice(1).split("/").map(decodeURIComponent);
  } catch {
    throw new Refusal(400, "the address isn't well-formed");
  }
}

export function allow({ method }: Request, ...methods: readonly string[]): void {
  if (methods.includes(method)) return;
  throw new Refusal(405, `${method} isn't for this address, ${methods.join(" or ")} is`, { allow: methods.join(", ") });
}

export function json(value: unknown): Response {
  return new Response(JSON.stringify(value), {
    headers: { ...headersOf(""), "content-type": "application/json", "cache-control": "no-store" },
  });
}

/** @throws Refusal where the request doesn't show the token */
export function requireToken(request: Request, token: string, advice: string): void {
  if (sameText(request.headers.get("authorization") ?? "", `Bearer ${token}`)) return;
  throw new Refusal(401, advice);
}

/** Takes as long for a wrong first letter as for a wrong last one. */
function sameText(a: string, b: string): boolean {
  const encoder = new TextEncoder();
  const [x, y] = [encoder.encode(a), encoder.encode(b)];
  let difference = x.length ^ y.length;
  for (let i = 0; i < y.length; i++) difference |= y[i] ^ (x[i] ?? 0);
  return difference === 0;
}
