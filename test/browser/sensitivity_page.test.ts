/** The page of `secateur sensitivity` on a phone: its heat map is seen whole, and its numbers are read on every colour. */
import axe from "axe-core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readSensitivity } from "../../src/report/sensitivity/sensitivity_file.ts";
import { renderSensitivity } from "../../src/report/sensitivity/sensitivity_page.ts";
import { openPhone, type Phone } from "./phone.ts";

const test = suite("the sensitivity page on a phone");

let phone: Phone;
test.before(async () => {
  phone = await openPhone({ webgpu: false });
});
test.after(async () => await phone.close());

test("the heat map of a ResNet-20 fits, no name lies over a number, and contrast is enough in light and dark", async () => {
  const { page } = phone;
  const path = `${import.meta.dirname}/../../docs/results/sensitivity/resnet20.json`;
  const html = renderSensitivity(readSensitivity(Deno.readFileSync(path), path));
  // The page forbids scripts, and looking at it takes one.
  await page.setContent(html.replace("Content-Security-Policy", "x-none"));
  await page.addScriptTag({ content: axe.source });
  const tables = await page.evaluate(() =>
    [...document.querySelectorAll(".heat-map .scroll")].map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)
  );
  assert.equal(tables, [0, 0]);
  const wide = await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>(".heat-map th")].filter((name) => name.scrollWidth > name.offsetWidth)
      .length
  );
  assert.is(wide, 0);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    const violations = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: typeof import("axe-core") };
      const { violations } = await axe.run({ runOnly: ["wcag2a", "wcag2aa"] });
      return violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
    });
    assert.equal(violations, [], colorScheme);
  }
});

test.run();
