/**
 * Shrinks a network of one's own on the phone page, as a user does, and keeps pictures of it at a phone's and at a desk's width:
 *
 *     deno run -A --config test/browser/deno.json test/browser/shrink_given.ts --network resnet20-cifar10.onnx \
 *       --images ./images --pixels imagenet --removed 0.3 --out /tmp/shots
 *
 * `--way depth` replaces blocks by linear layers. The file that the page offers is kept beside the pictures.
 */
import { parseArgs } from "node:util";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { drivePage } from "./page_driver.ts";

const { values } = parseArgs({
  options: {
    network: { type: "string" },
    images: { type: "string" },
    pixels: { type: "string", default: "measured" },
    way: { type: "string", default: "width" },
    removed: { type: "string", default: "0.3" },
    out: { type: "string" },
  },
});
const { network, images, pixels, way, removed, out } = values;
if (!network || !images || !out) {
  console.error("usage: shrink_given.ts --network file.onnx --images folder --out folder");
  Deno.exit(2);
}
const PATIENCE_MS = 1_800_000, TOLD_EVERY_MS = 15_000;
const PHONE = { width: 360, height: 740 }, DESK = { width: 1280, height: 900 };
const { page, phone, open, close } = await drivePage();
page.setDefaultTimeout(PATIENCE_MS);
const started = performance.now();
const lap = (what: string) => console.log(`${((performance.now() - started) / 1000).toFixed(1)} s: ${what}`);
/** What the page says that it is doing, or what went wrong, for somebody who waits. */
const telling = setInterval(async () => {
  const said = await page.locator("[role=status], [role=alert]").allInnerTexts().catch(() => []);
  lap(`… ${said.filter((text) => text !== "").join(" | ")}`);
}, TOLD_EVERY_MS);

try {
  await open();
  await page.getByRole("navigation").getByRole("button", { name: "Shrink" }).tap();
  await page.getByLabel("Network (.onnx)").setInputFiles(network);
  await page.getByText(/images of/).first().waitFor();
  await page.getByLabel("or a folder of images").setInputFiles(images);
  await page.getByText(/images to fit on/).waitFor();
  lap(`images are read: ${await page.getByText(/images to fit on/).textContent()}`);
  await page.getByLabel("Pixels as the network takes them").selectOption(pixels);
  if (way === "depth") await page.getByRole("radio", { name: "Fewer layers" }).check();
  await page.getByRole("slider").waitFor();
  lap("the network is looked at");
  await page.getByRole("slider").fill(String(Math.round(100 * Number(removed))));
  await page.getByRole("table").first().waitFor();
  lap(`predicted:\n${await page.getByRole("table").first().innerText()}`);
  await page.getByText(/^(Layer by layer|Block by block)$/).tap();
  await shots("preview");
  await page.getByRole("button", { name: /^Shrink by/ }).tap();
  await page.getByRole("heading", { name: "The smaller network" }).waitFor();
  lap("made");
  await page.getByText(/ms before/).waitFor();
  lap(`timed:\n${await page.getByRole("region", { name: "The smaller network" }).innerText()}`);
  await shots("result");
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download ONNX file" }).tap();
  const file = `${out}/${(await download).suggestedFilename()}`;
  await (await download).saveAs(file);
  const { macs, params } = graphCost(loadOnnx(await Deno.readFile(file), file).graph);
  lap(`${file} is read again: ${macs} MACs, ${params} parameters`);
  if (phone.errors.length > 0) throw new Error(`errors of the page: ${phone.errors.join("; ")}`);
} finally {
  clearInterval(telling);
  await close();
}

/** The whole page, and what is seen of it on a phone. */
async function shots(name: string): Promise<void> {
  for (const [size, viewport] of [["desk", DESK], ["phone", PHONE]] as const) {
    await page.setViewportSize(viewport);
    await page.screenshot({ path: `${out}/shrink-${name}-${size}.png`, fullPage: true });
  }
  const card = page.getByRole("heading", { name: /^(What would be left|The smaller network)$/ }).first();
  await card.evaluate((heading) => scrollBy(0, heading.getBoundingClientRect().top - 24));
  await page.screenshot({ path: `${out}/phone-shrink-${name}.png` });
}
