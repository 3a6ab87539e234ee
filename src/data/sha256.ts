import { gunzip } from "./gzip.ts";

/** SHA-256, in hexadecimal, of what `bytes` contain once unpacked. Throws UserError naming `file` on broken gzip. */
export async function contentSha256(bytes: Uint8Array<ArrayBuffer>, file: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", await gunzip(bytes, file));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
