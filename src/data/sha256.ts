import { sha256 } from "../formats/sha256.ts";
import { gunzip } from "./gzip.ts";

/** SHA-256, in hexadecimal, of what `bytes` contain once unpacked. Throws UserError naming `file` on broken gzip. */
export async function contentSha256(bytes: Uint8Array<ArrayBuffer>, file: string): Promise<string> {
  return await sha256(await gunzip(bytes, file));
}
