/**
 * The roofs of an adapter, measured once on a quiet machine and kept: so that the rows of several suites, and of runs on other
 * days, are held against the same.
 */
import type { Roofline } from "../src/measure/roofline.ts";
import { isBusy, RESULTS } from "./record.ts";
import type { Roofs } from "./suite.ts";

const FILE = `${RESULTS}/roofs.json`;

export function readRoofs(file = FILE): Roofs {
  try {
    return JSON.parse(Deno.readTextFileSync(file));
  } catch (error) {
    // A file that was cut off is measured again, like one that isn't there.
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return {};
    throw error;
  }
}

/** Others' work would make the roofs of a busy machine too low for good. */
export function keepRoof(
  key: string,
  roofline: Roofline,
  { file = FILE, busy = isBusy() }: { readonly file?: string; readonly busy?: boolean } = {},
): void {
  const known = readRoofs(file);
  if (busy || key in known) return;
  Deno.mkdirSync(RESULTS, { recursive: true });
  Deno.writeTextFileSync(file, JSON.stringify({ ...known, [key]: roofline }, null, 2) + "\n");
}
