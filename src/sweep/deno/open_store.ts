/** The store that a command line names. */
import { UserError } from "../../errors.ts";
import type { Store } from "../../store/types.ts";
import { openResults, type Results } from "../results.ts";
import { openRemoteResults, type RemoteOptions } from "./remote_results.ts";

/** Holds the secret that a served store asks for: on the command line every user of the machine could read it. */
export const STORE_TOKEN = "SECATEUR_STORE_TOKEN";

/**
 * Whether a command line names a server, and not a folder.
 * @throws UserError for a server of another kind
 */
export function isRemote(where: string): boolean {
  const kind = /^([a-z][a-z0-9+.-]*):\/\//i.exec(where)?.[1];
  if (kind === undefined || /^https?$/.test(kind)) return kind !== undefined;
  throw new UserError(
    `--store: no store of the kind ${kind}; give a folder, or an address such as http://127.0.0.1:8600`,
  );
}

/** @throws UserError where the token is given, and too short for a secret or of letters that no header may have */
export function givenToken(): string | undefined {
  const token = Deno.env.get(STORE_TOKEN);
  if (!token || /^[!-~]{16,}$/.test(token)) return token || undefined;
  throw new UserError(`${STORE_TOKEN}: expected at least 16 letters, digits and signs, without spaces`);
}

/** @throws UserError where a server is named and its token isn't given */
export function openStore(where: string, store: Store, options: Omit<RemoteOptions, "token"> = {}): Results {
  if (!isRemote(where)) return openResults(store, where);
  const token = givenToken();
  if (token === undefined) {
    throw new UserError(
      `--store: give the token of the store in ${STORE_TOKEN}: the sweep that serves it says where it is kept`,
    );
  }
  return openRemoteResults(where, { ...options, token });
}
