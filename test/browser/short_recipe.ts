/** The page with a recipe of seconds in place of its own, which test/browser/engine.nightly.ts carries out. */
import * as assert from "uvu/assert";
import type { PageFiles } from "../../src/cli/page/bundle.ts";
import { pageFiles } from "./phone.ts";

/** Of the page's recipe, what makes a run of seconds of it: fewer channels, images and epochs. */
const SHORTER: readonly (readonly [string, string])[] = [
  ["model: { name: digits }", "model: { name: digits, width: 0.25 }"],
  ["validation: 0.15 }", "validation: 0.15, limit: 400 }"],
  ["epochs: 16", "epochs: 2"],
  ["updates: 8", "updates: 2"],
  ["epochs: 10", "epochs: 1"],
  ["epochs: 4", "epochs: 1"],
];

export async function pageWithShortRecipe(): Promise<PageFiles> {
  const files = new Map(await pageFiles());
  const changed: string[] = [];
  for (const [name, bytes] of files) {
    const text = name.endsWith(".js") ? new TextDecoder().decode(bytes) : "";
    if (!text.includes(SHORTER[0][0])) continue;
    changed.push(name);
    files.set(name, new TextEncoder().encode(SHORTER.reduce((all, [from, to]) => all.replace(from, to), text)));
    for (const [from] of SHORTER) assert.ok(text.includes(from), `${name} has no "${from}"`);
  }
  assert.is(changed.length, 1, `the recipe stands in ${changed.join(" and ") || "no file"}`);
  return files;
}
