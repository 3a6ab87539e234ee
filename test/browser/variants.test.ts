import { suite } from "uvu";
import * as assert from "uvu/assert";
import { variants } from "../../kernels/variants.ts";
import type { Refusal } from "../kernels/compile.ts";
import { combinations, shaders, texts } from "../kernels/shaders.ts";
import { type BrowserPage, openPage } from "../../bench/browser/page.ts";

const test = suite("variants in Chromium");
let page: BrowserPage;
test.before(async () => {
  page = await openPage({ adapter: "software" });
});
test.after(() => page.close());

const compile = `${import.meta.dirname}/../kernels/compile.ts`;

test("every variant that the planners can emit compiles on Tint", async () => {
  const all = shaders(variants());
  assert.ok(all.length > 200, `only ${all.length} variants`);
  assert.equal(await page.call<Refusal[]>(compile, all), []);
});

test("every combination of their constants is valid on Tint", async () => {
  assert.equal(await page.call<Refusal[]>(compile, texts(combinations(variants()))), []);
});

test.run();
