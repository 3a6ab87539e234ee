/** The page with a recipe of seconds in place of its own, which test/browser/engine.nightly.ts carries out. */
import * as assert from "uvu/assert";
import type { PageFiles } from "../../src/cli/page/bundle.ts";
import { pageFiles } from "./phone.ts";

/** Where the page's recipe begins and ends among the recipes that the bundle has as text, and what the page leaves out of it. */
const BEGINS = /version: 1(?:\n|\\n)name: digits(?:\n|\\n)/, ENDS = "kind: controls";

/**
 * Of the page's recipe, what makes a run of seconds of it: fewer channels, images, steps and epochs, and smaller batches, so
 * that it learns something all the same.
 */
const SHORTER: readonly (readonly [string, string])[] = [
  ["model: { name: digits }", "model: { name: digits, width: 0.25 }"],
  ["validation: 0.15 }", "validation: 0.15, limit: 400 }"],
  ["batch: 64", "batch: 16"],
  ["epochs: 16", "epochs: 3"],
  ["steps: 2", "steps: 1"],
  ["updates: 8", "updates: 2"],
  ["epochs: 10", "epochs: 1"],
  ["epochs: 4", "epochs: 1"],
];

export async function pageWithShortRecipe(): Promise<PageFiles> {
  const files = new Map(await pageFiles());
  const changed: string[] = [];
  for (const [name, bytes] of files) {
    const text = name.endsWith(".js") ? new TextDecoder().decode(bytes) : "";
    const start = text.search(BEGINS);
    if (start < 0) continue;
    changed.push(name);
    const end = text.indexOf(ENDS, start);
    const recipe = text.slice(start, end);
    for (const [from] of SHORTER) assert.is(recipe.split(from).length, 2, `the recipe in ${name} has "${from}" once`);
    const shorter = SHORTER.reduce((all, [from, to]) => all.replace(from, to), recipe);
    files.set(name, new TextEncoder().encode(text.slice(0, start) + shorter + text.slice(end)));
  }
  assert.is(changed.length, 1, `the recipe stands in ${changed.join(" and ") || "no file"}`);
  return files;
}
