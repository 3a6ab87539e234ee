import { suite } from "uvu";
import * as assert from "uvu/assert";
import { prepareEnvironment } from "../../src/cli/environment.ts";
import forward from "../pages/forward.ts";
import { type BrowserPage, openPage } from "../../bench/browser/page.ts";

const test = suite("forward pass in Chromium");
let page: BrowserPage;
test.before(async () => {
  page = await openPage({ adapter: "software" });
});
test.after(() => page.close());

test("the digits net gives the logits that it gives in Deno", async () => {
  prepareEnvironment();
  const here = await forward();
  const there = await page.call<number[]>(`${import.meta.dirname}/../pages/forward.ts`);
  assert.is(there.length, here.length);
  assert.ok(Math.max(...here.map(Math.abs)) > 0.05, "logits that are all about zero would agree too easily");
  const worst = Math.max(...here.map((value, i) => Math.abs(value - there[i])));
  assert.ok(worst <= 1e-4, `differs by ${worst}`);
});

test.run();
