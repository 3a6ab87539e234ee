/**
 * How long the phone page takes to its first number, on SwiftShader in headless Chromium: from opening it, and from pressing Run
 * with what is chosen at first. It measures: the machine must do nothing else.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { drivePage } from "./page_driver.ts";

const test = suite("the first number");
/** So long at most, from pressing Run. */
const LONGEST_MS = 10_000;

test("dense and pruned times of the first network stand there within ten seconds", async () => {
  const { page, open, run, close } = await drivePage();
  const now = () => page.evaluate(() => performance.now());
  const said = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  await open();
  const ready = await now();
  await run();
  await page.getByRole("row", { name: /Digits/ }).waitFor();
  const first = await now();
  await close();
  console.log(`ready to run after ${said(ready)}, first number ${said(first - ready)} after pressing Run`);
  assert.ok(first - ready <= LONGEST_MS, `${said(first - ready)}, expected ${said(LONGEST_MS)} at most`);
});

test.run();
