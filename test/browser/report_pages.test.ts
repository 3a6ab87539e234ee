/** Pages that are one file, on a phone and on a wide screen: nothing is wider than the page, and axe finds nothing serious. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compareDevices } from "../../src/report/devices/compare.ts";
import { renderComparison } from "../../src/report/devices/page.ts";
import { beginRecord, type DeviceRecord } from "../../src/report/devices/record.ts";
import { renderReport } from "../../src/report/html.ts";
import { parseReport } from "../../src/report/validate.ts";
import { sampleDetail } from "../report/sample.ts";
import { AXE_SCRIPT, seriousFindings } from "./axe_findings.ts";
import { openPhone, type Phone } from "./phone.ts";

const test = suite("pages that are one file");
const shots = Deno.env.get("PAGE_SHOTS");

let phone: Phone;
test.before(async () => {
  phone = await openPhone({ webgpu: false });
});
test.after(async () => await phone.close());

/** Two devices of one name, one that timed nothing, a row in doubt, and a software adapter. */
function devices(): DeviceRecord[] {
  const timed = (network: string, batch: number, denseMs: number, prunedMs: number, doubt?: string) =>
    ([["dense", denseMs, 400], ["pruned", prunedMs, 160]] as const).map(([variant, medianMs, macs]) => ({
      ...{
        network,
        variant,
        batch,
        params: 10,
        macs,
        status: "measured" as const,
        medianMs,
        madMs: medianMs / 40,
        doubt,
      },
    }));
  const device = (name: string, description: string, slowness: number): DeviceRecord => ({
    ...beginRecord({
      tool: "secateur 0.1.0",
      session: `session-${description.length}`,
      name,
      runtime: { userAgent: "test", cores: 8, isolated: true },
      backend: "webgpu",
      protocol: { mode: "burst", seconds: 1, batches: [1, 8] },
    }, new Date(0)),
    complete: true,
    device: { vendor: "v", architecture: "", description, fallback: false, features: [], limits: {} },
    rows: slowness === 0 ? [] : [
      ...timed("ResNet-20", 1, 2 * slowness, 1.4 * slowness),
      ...timed("MobileNetV2, 224×224, a linear layer for each block", 8, 40 * slowness, 18 * slowness),
      ...timed("LeNet-5", 1, slowness, slowness, "the page was hidden meanwhile"),
    ],
  });
  return [
    device("pixel-8-chrome", "Mali-G715", 1),
    device("pixel-8-chrome", "Adreno (TM) 740", 0.6),
    device("idle", "Apple GPU", 0),
    device("here", "llvmpipe", 9),
  ];
}

const path = `${import.meta.dirname}/../../docs/results/digits/report.json`;
const PAGES: Readonly<Record<string, () => string>> = {
  "a committed run's report": () =>
    renderReport(parseReport(JSON.parse(Deno.readTextFileSync(path)), path), sampleDetail()),
  "devices": () => renderComparison(compareDevices(devices(), "hardware")),
};

for (const [name, render] of Object.entries(PAGES)) {
  test(`${name}: as wide as a phone or a screen, and readable in light and dark`, async () => {
    const { page } = phone;
    // The page forbids scripts, and looking at it takes one.
    await page.setContent(render().replace("Content-Security-Policy", "x-none"));
    await page.addScriptTag({ content: AXE_SCRIPT });
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 740 });
      assert.is(await page.evaluate("document.scrollingElement.scrollWidth"), width, `wider than ${width} pixels`);
      if (shots) {
        await page.screenshot({ path: `${shots}/${name.replaceAll(/\W+/g, "-")}-${width}.png`, fullPage: true });
      }
    }
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      assert.equal(await seriousFindings(page), [], `${name}, ${colorScheme}`);
    }
  });
}

test.run();
