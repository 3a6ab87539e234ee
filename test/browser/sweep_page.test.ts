/** The page of a sweep, opened as a file without a network: it is read on a phone and at a desk, sorts, and compares trials. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { renderSweep } from "../../src/sweep/view/sweep_page.ts";
import { sampleReport, sampleTrials } from "../sweep/front_sample.ts";
import { AXE_SCRIPT, seriousFindings } from "./axe_findings.ts";
import { openPhone, type Phone } from "./phone.ts";

const test = suite("the page of a sweep");
const shots = Deno.env.get("PAGE_SHOTS");

let phone: Phone;
let path: string;
test.before(async () => {
  phone = await openPhone({ webgpu: false });
  await phone.context.setOffline(true);
  path = await Deno.makeTempFile({ suffix: ".html" });
  await Deno.writeTextFile(path, await render());
});
test.after(async () => {
  await phone.close();
  await Deno.remove(path);
});

const render = () =>
  renderSweep({
    report: sampleReport(),
    file: "version: 1\nname: digits\n",
    reportOf: (id) => `trials/${id}/report.html`,
  });

/** Ids of the first rows. */
const firstRows = (count: number) =>
  phone.page.locator("#trials tbody tr").evaluateAll(
    (rows, count) => rows.slice(0, count).map(({ id }) => id.slice("trial-".length)),
    count,
  );

test("a click on a dot chooses its trial, a second one compares them, and parents are joined by lines", async () => {
  const { page, errors } = phone;
  await page.goto(`file://${path}`);
  const dot = async (id: string) => {
    // Its title, by which it is found, has become the page's tip.
    const at = await page.evaluate((id) => {
      const row = document.getElementById(`trial-${id}`)!;
      const box = row.querySelector("input")!;
      box.click();
      const { left, top, width, height } = document.querySelector("svg.narrow .chosen-mark")!.getBoundingClientRect();
      box.click();
      return [left + width / 2, top + height / 2 + scrollY];
    }, id);
    await page.evaluate((y) => scrollTo(0, y - 150), at[1]);
    await page.mouse.click(at[0], at[1] - await page.evaluate(() => scrollY));
  };
  const chosen = page.locator("#chosen");
  assert.is(await chosen.isVisible(), false);
  await dot("00035");
  assert.match(await page.locator("#tip").innerText(), /^00035: accuracy 97\.\d\d %, ms 2\.\d\d ms; criterion taylor/);
  assert.is(await chosen.locator("thead a").getAttribute("href"), "trials/00035/report.html");
  assert.match(await chosen.innerText(), /Choose a second trial/);
  assert.ok(await page.locator("svg.narrow .lineage").count() > 0, "00035 was bred from 00011 and 00018");
  await dot("00003");
  assert.equal(await chosen.locator("thead th").allInnerTexts(), [
    "trial",
    "00035 (report)",
    "00003 (report)",
    "second to first",
  ]);
  const line = (name: string) =>
    chosen.locator("tbody tr").filter({ has: page.locator("th", { hasText: new RegExp(`^${name}$`) }) });
  assert.match(await line("accuracy").innerText(), /97\.\d\d %\s+90\.\d\d %\s+−\d\.\d\d points/);
  assert.match(await line("macs").innerText(), /241 k\s+34.4 k\s+0.143×/);
  assert.match(await line("criterion").getAttribute("class") ?? "", /differs/);
  assert.is(await page.evaluate(() => location.hash), "#trials=00035,00003");
  await page.reload();
  assert.is(await chosen.locator("thead th").count(), 4, "what is chosen stands in the address");
  await page.getByRole("button", { name: "Close" }).click();
  assert.is(await chosen.isVisible(), false);
  assert.equal(errors, []);
});

test("the table is sorted by any column, one way and the other, and rows without a number stay last", async () => {
  const { page } = phone;
  await page.goto(`file://${path}`);
  const trials = sampleTrials();
  const by = (sign: number) =>
    trials.filter(({ rungs }) => rungs.length > 0)
      .toSorted((a, b) => sign * (a.rungs.at(-1)!.metrics.ms - b.rungs.at(-1)!.metrics.ms)).map(({ id }) => id);
  await page.getByRole("button", { name: "ms", exact: true }).click();
  assert.equal(await firstRows(45), by(-1));
  await page.getByRole("button", { name: "ms", exact: true }).click();
  assert.equal(await firstRows(45), by(1));
  await page.getByRole("button", { name: "trial", exact: true }).click();
  assert.equal(await firstRows(3), ["00001", "00002", "00003"]);
});

test("it is as wide as a phone or a screen, with and without chosen trials, and readable in light and dark", async () => {
  const { page } = phone;
  // The page forbids all scripts but its own, also in what is written into it, and looking at it takes one.
  await page.goto("about:blank");
  await page.setContent((await render()).replace("Content-Security-Policy", "x-none"));
  await page.addScriptTag({ content: AXE_SCRIPT });
  const boxes = page.locator("#trials tbody input");
  for (const chosen of [false, true]) {
    if (chosen) { for (const i of [0, 6]) await boxes.nth(i).check(); }
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [1280, 360]) {
        await page.setViewportSize({ width, height: 740 });
        assert.is(await page.evaluate("document.scrollingElement.scrollWidth"), width, `wider than ${width} pixels`);
        if (shots) {
          await page.screenshot({ path: `${shots}/sweep-${width}-${colorScheme}${chosen ? "-chosen" : ""}.png` });
        }
      }
      // With the chosen trials' panel there is everything to be looked at.
      if (chosen) assert.equal(await seriousFindings(page), [], colorScheme);
    }
  }
});

test.run();
