/**
 * Says how long the phone page takes to its first number, on SwiftShader in headless Chromium: from opening it, and from
 * pressing Run with what is chosen at first. To be run by itself, on a machine that does nothing else:
 * `deno run -A --config test/browser/deno.json test/browser/first_number.ts`.
 */
import { drivePage } from "./page_driver.ts";

/** So long at most, from pressing Run. */
const LONGEST_MS = 10_000;

const { page, open, run, close } = await drivePage();
const now = () => page.evaluate(() => performance.now());
await open();
const ready = await now();
await run();
await page.getByRole("row", { name: /Digits/ }).waitFor();
const first = await now();
const said = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
console.log(`ready to run after ${said(ready)}`);
console.log(`dense and pruned times of the first network ${said(first - ready)} after pressing Run`);
await close();
if (first - ready > LONGEST_MS) {
  console.error(`expected ${said(LONGEST_MS)} at most`);
  Deno.exit(1);
}
