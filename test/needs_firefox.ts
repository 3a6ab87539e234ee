/** Test files that need a second browser, which not every machine has. */
import { findFirefox, LEAST_FIREFOX } from "../scripts/firefox.ts";

/**
 * Leaves out those that run in Firefox where there is none, and names them.
 * @param files paths below test/
 */
export async function withFirefox(files: readonly string[], print: (text: string) => void): Promise<string[]> {
  const needing = files.filter((name) => /(^|\/)firefox\w*\./.test(name));
  if (needing.length === 0 || await findFirefox() !== undefined) return [...files];
  for (const name of needing) {
    print(`${name} is left out: there is no Firefox ${LEAST_FIREFOX} or newer here, nor does FIREFOX_PATH name one`);
  }
  return files.filter((name) => !needing.includes(name));
}
