import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type BrowserPage, bundle, openPage } from "../../bench/browser/page.ts";

const test = suite("library in Chromium");
const entry = `${import.meta.dirname}/../pages/library.ts`;
let page: BrowserPage;
test.before(async () => {
  page = await openPage({ adapter: "software" });
});
test.after(() => page.close());

test("the public library bundles without Node's or Deno's own API", async () => {
  const text = await bundle(`${import.meta.dirname}/../../src/mod.ts`);
  assert.not.match(text, /\bDeno\.[a-z]/);
  assert.not.match(text, /["']node:/);
});

test("it multiplies matrices in a page", async () => {
  const [m, k, n] = [5, 7, 3];
  const a = Array.from({ length: m }, (_, i) => Array.from({ length: k }, (_, j) => i - 2 * j));
  const b = Array.from({ length: k }, (_, i) => Array.from({ length: n }, (_, j) => 3 * i + j));
  const product = a.map((row) => b[0].map((_, j) => row.reduce((sum, value, i) => sum + value * b[i][j], 0)));
  assert.equal(await page.call<number[]>(entry, { a, b }), product.flat());
});

test.run();
