/** The secret in the link: 128 random bits, kept, so that pages which were opened before a restart can still post. */
import { joinPath } from "../../store/path.ts";
import type { Store } from "../../store/types.ts";

const FORM = /^[\w-]{22}$/;

export async function linkToken(store: Store, folder: string, fresh: boolean): Promise<string> {
  const file = joinPath(folder, "token");
  const kept = new TextDecoder().decode(await store.read(file) ?? new Uint8Array()).trim();
  if (!fresh && FORM.test(kept)) return kept;
  const token = crypto.getRandomValues(new Uint8Array(16)).toBase64({ alphabet: "base64url", omitPadding: true });
  await store.write(file, new TextEncoder().encode(`${token}\n`));
  return token;
}
