/** A record in a link: deflated into the address's fragment, which no server sees. */
import { UserError } from "../errors.ts";
import type { DeviceRecord } from "../report/devices/record.ts";
import { parseDeviceRecord } from "../report/devices/schema.ts";

const KEY = "r=";
/** Longer links are cut by messengers; none is made longer, so none is read. */
const MOST_CHARACTERS = 16_000;

/** Undefined where the link would be too long even without layers. */
export async function shareLink(record: DeviceRecord, page: URL): Promise<URL | undefined> {
  for (const shared of [record, { ...record, layers: [] }, { ...record, layers: [], kernels: [], tables: undefined }]) {
    const bytes = await through(new CompressionStream("deflate-raw"), new TextEncoder().encode(JSON.stringify(shared)));
    const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
      .replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
    if (text.length > MOST_CHARACTERS) continue;
    const link = new URL(page);
    link.hash = KEY + text;
    return link;
  }
}

/**
 * The record that the address holds, if it holds one.
 * @throws UserError for one that is damaged
 */
export async function sharedRecord(hash: string): Promise<DeviceRecord | undefined> {
  const text = hash.replace(/^#/, "");
  if (!text.startsWith(KEY)) return undefined;
  let json: unknown;
  try {
    if (text.length > KEY.length + MOST_CHARACTERS) throw new Error("too long");
    const binary = atob(text.slice(KEY.length).replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    json = JSON.parse(new TextDecoder().decode(await through(new DecompressionStream("deflate-raw"), bytes)));
  } catch {
    throw new UserError(
      "the link's record: can't be read, the link was probably cut or changed on its way: ask for the whole link, or for " +
        "the downloaded file",
    );
  }
  return parseDeviceRecord(json, "the link's record");
}

async function through(stream: CompressionStream | DecompressionStream, bytes: Uint8Array<ArrayBuffer>) {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
}
