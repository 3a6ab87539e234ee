import { suite } from "uvu";
import * as assert from "uvu/assert";
import { variants } from "../../kernels/variants.ts";
import type { Compiled, Shader } from "../kernels/compile.ts";
import { onlyNightly } from "../long.ts";
import { combinations, shaders, spread, storedShaders, texts } from "../kernels/shaders.ts";
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
  await compileAll(all);
});

test("so does each with its workgroup memory in a storage buffer", () => {
  const all = storedShaders(variants());
  assert.ok(all.length > 30, `only ${all.length} variants`);
  return compileAll(all);
});

onlyNightly(test)(
  "combinations of their constants are valid on Tint",
  () => compileAll(texts(spread(combinations(variants())))),
);

async function compileAll(all: readonly Shader[]): Promise<void> {
  const { refusals, compiled, lacking } = await page.call<Compiled>(compile, all);
  assert.equal(refusals, []);
  assert.ok(compiled > all.length / 2, `only ${compiled} of ${all.length} were compiled`);
  for (const [feature, count] of Object.entries(lacking)) console.log(`  ${count} left out: no ${feature} here`);
}

test.run();
