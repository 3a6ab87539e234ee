/** The web examples of docs/examples as their readers build them: with the packed library, by esbuild, opened in Chromium at a phone's width. */
import * as esbuild from "esbuild";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openPage } from "../../bench/browser/page.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { createProject } from "../library/project.ts";
import { smallOnnx } from "./small_networks.ts";

const test = suite("the web examples");
const examples = `${import.meta.dirname}/../../docs/examples/web`;
const network = smallOnnx();
const { graph } = loadOnnx(network, "net.onnx");

const project = await createProject();
for (const name of ["shrink", "timing"]) {
  project.write(`${name}.ts`, await Deno.readTextFile(`${examples}/${name}.ts`));
}
const built = await esbuild.build({
  entryPoints: ["shrink", "timing"].map((name) => `${project.folder}/${name}.ts`),
  bundle: true,
  write: false,
  format: "esm",
  target: "es2022",
  outdir: "/",
  logLevel: "silent",
});
const served = new Map<string, readonly [body: BodyInit, type: string]>([
  ...built.outputFiles.map(({ path, text }) => [path, [text, "text/javascript"]] as const),
  ...["shrink", "timing"].map((name) =>
    [`/${name}.html`, [Deno.readTextFileSync(`${examples}/${name}.html`), "text/html"]] as const
  ),
  ["/net.onnx", [network, "application/octet-stream"]],
]);
const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, ({ url }) => {
  const found = served.get(new URL(url).pathname);
  return found ? new Response(found[0], { headers: { "content-type": found[1] } }) : new Response("", { status: 404 });
});
const address = `http://127.0.0.1:${server.addr.port}/`;
const errors: string[] = [];
const browser = await openPage({ adapter: "software" });
const { page } = browser;
page.on("pageerror", (error) => errors.push(error.message));
// SwiftShader on a busy machine is slow.
page.setDefaultTimeout(120_000);
await page.setViewportSize({ width: 360, height: 640 });
test.after(async () => {
  await browser.close();
  await server.shutdown();
  project[Symbol.dispose]();
});

/** Nothing is wider than the screen. Where SECATEUR_SHOTS names a folder, a picture is left there. */
async function fits(name: string): Promise<void> {
  assert.ok(await page.evaluate("document.documentElement.scrollWidth") as number <= 360, name);
  const folder = Deno.env.get("SECATEUR_SHOTS");
  if (folder) await page.screenshot({ path: `${folder}/${name}.png` });
}

test("both type-check strictly with the declarations of the package", async () => {
  for (const name of ["shrink.ts", "timing.ts"]) {
    const { ok, text } = await project.check(name, { lib: ["es2022", "dom", "esnext.disposable"] });
    assert.ok(ok, text);
  }
});

test("a file that is dropped becomes one with half of the multiply-adds, and another part by the slider", async () => {
  await page.goto(`${address}shrink.html`);
  await page.evaluate((text) => {
    const dropped = new DataTransfer();
    dropped.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], "net.onnx"));
    document.querySelector("h1")!.dispatchEvent(new DragEvent("drop", { dataTransfer: dropped, bubbles: true }));
  }, network.toBase64());
  for (const part of [0.5, 0.3]) {
    await page.locator("#keep").fill(String(100 * part));
    const link = page.locator("a[download='net-small.onnx']:visible");
    await page.getByText(`Multiply-adds that stay: ${100 * part} %`).waitFor();
    await link.waitFor();
    await page.getByText("Proved: outputs of the compact network differ by").waitFor();
    const download = page.waitForEvent("download");
    await link.click();
    const small = loadOnnx(await Deno.readFile(await (await download).path()), "net-small.onnx");
    const left = graphCost(small.graph).macs / graphCost(graph).macs;
    assert.ok(left <= part && left > part - 0.05, `${left} of ${part}`);
  }
  await fits("shrink");
  const notes = await Deno.makeTempFile({ suffix: ".onnx" });
  await page.locator("#file").setInputFiles(notes);
  await page.getByText("not a whole ONNX file").waitFor();
  await Deno.remove(notes);
});

test("the element times the network of its src", async () => {
  await page.goto(`${address}timing.html`);
  await page.getByRole("button", { name: "Measure" }).click();
  await page.getByText(/^[\d.]+ ms as trained, [\d.]+ ms pruned: [\d.]+ times as fast with 2\.\d\d times fewer/)
    .waitFor();
  await fits("timing");
});

test("nothing went wrong that nobody caught", () => assert.equal(errors, []));

test.run();
