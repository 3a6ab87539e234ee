/** A secret of 128 random bits, kept, so that what was given out before a restart stays good. */
import type { Store } from "../../store/types.ts";

const FORM = /^[\w-]{22}$/;

/** @param file where it is kept: of what it opens, and nothing else */
export async function keptToken(store: Store, file: string, fresh = false): Promise<string> {
  const kept = new TextDecoder().decode(await store.read(file) ?? new Uint8Array()).trim();
  if (!fresh && FORM.test(kept)) return kept;
  const token = crypto.getRandomValues(new Uint8Array(16)).toBase64({ alphabet: "base64url", omitPadding: true });
  await store.write(file, new TextEncoder().encode(`${token}\n`));
  return token;
}
