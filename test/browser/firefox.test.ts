/** The phone page and its shaders in Firefox, with WebGPU and without. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { variants } from "../../kernels/variants.ts";
import { bundle } from "../../bench/browser/page.ts";
import type { DeviceRecord } from "../../src/report/devices/record.ts";
import type { Compiled } from "../kernels/compile.ts";
import { texts } from "../kernels/shaders.ts";
import { nightly, onlyNightly } from "../long.ts";
import { type FirefoxPage, openFirefox } from "./firefox_page.ts";
import { type PhoneServer, servePage } from "./phone.ts";
import { tinyOnnx } from "./small_networks.ts";

const test = suite("the phone page in Firefox");
let server: PhoneServer;
test.before(async () => {
  server = await servePage();
});
test.after(() => server.stop());

/** Opens the page and waits until something can be run. */
async function open({ page, until }: FirefoxPage): Promise<void> {
  await page.goto(server.link);
  await until(() => document.querySelector("button.primary:enabled") !== null, undefined);
}

/** Leaves one network, at one image at a time. */
async function choose({ page }: FirefoxPage, network: string, detail: "rows" | "kernels"): Promise<void> {
  await page.evaluate(
    (network, detail) => {
      for (const label of document.querySelectorAll("label:has(input[type=checkbox])")) {
        const box = label.querySelector("input")!;
        const said = label.textContent.trim();
        const wanted = label.className === "choice"
          ? said.startsWith(network)
          : said === "1" || (detail === "kernels" && /each layer/.test(said));
        if (box.checked !== wanted) box.click();
      }
    },
    network,
    detail,
  );
}

/** Runs until the server has all of it; gives what the page says then. */
async function run({ page, until }: FirefoxPage): Promise<string> {
  await page.locator("button.primary").click();
  return await until(() => {
    const text = document.body.innerText;
    return /Run again/.test(text) && /Kept by the server/.test(text) ? text : "";
  }, undefined);
}

const last = () => server.records.findLast(({ complete }) => complete)!;

/** A network of one's own, in the browser with WebGPU. */
async function runTiny(firefox: FirefoxPage, detail: "rows" | "kernels"): Promise<DeviceRecord> {
  await open(firefox);
  await firefox.page.evaluate((text) => {
    const dropped = new DataTransfer();
    dropped.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], "tiny.onnx"));
    document.querySelector(".drop")!.dispatchEvent(new DragEvent("drop", { dataTransfer: dropped, bubbles: true }));
  }, tinyOnnx().toBase64());
  await firefox.until(() => document.body.innerText.includes("tiny.onnx"), undefined);
  await choose(firefox, "tiny.onnx", detail);
  await run(firefox);
  assert.equal(firefox.errors, []);
  return last();
}

test("with WebGPU the self-test passes, rows of numbers come, and shaders compile", async () => {
  const firefox = await openFirefox({ webgpu: true });
  try {
    const { backend, selfTest, rows } = await runTiny(firefox, "rows");
    assert.is(backend, "webgpu");
    assert.equal(selfTest!.checks.filter(({ outcome }) => outcome === "failed"), []);
    assert.equal(rows.map(({ variant, status }) => `${variant} ${status}`), ["dense measured", "pruned measured"]);
    const { refusals, compiled } = await compileAll(firefox);
    assert.equal(refusals, []);
    assert.ok(compiled > (nightly ? 800 : 150), `only ${compiled} were compiled`);
  } finally {
    await firefox.close();
  }
});

onlyNightly(test)("with WebGPU layers and single kernels are timed as well", async () => {
  const firefox = await openFirefox({ webgpu: true });
  try {
    const { complete, roof, kernels, layers } = await runTiny(firefox, "kernels");
    assert.is(complete, true);
    assert.ok(roof!.gflops > 0 && roof!.gbps > 0);
    assert.equal([...new Set(kernels.map(({ family }) => family))], ["gemm", "conv", "block-sparse"]);
    assert.ok(layers.length > 0);
  } finally {
    await firefox.close();
  }
});

/**
 * Each variant as a text for Firefox's naga, in the suite the first one of each source: Deno's compiler is of the same code,
 * and compiles all. Making pipelines of them all would take a software adapter minutes.
 */
async function compileAll({ page }: FirefoxPage): Promise<Compiled> {
  const script = await bundle(`${import.meta.dirname}/../kernels/compile.ts`);
  const files = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const [type, body] = request.url.endsWith(".js")
      ? ["text/javascript", script]
      : ["text/html", "<!doctype html><title>Secateur</title>"];
    return new Response(body, { headers: { "content-type": type } });
  });
  const address = `http://127.0.0.1:${files.addr.port}/`;
  try {
    await page.goto(address);
    const all = nightly
      ? variants()
      : [...Map.groupBy(variants(), ({ source }) => source).values()].map(([one]) => one);
    const json = JSON.stringify(texts(all));
    return await page.evaluate(`import("${address}compile.js").then((module) => module.default(${json}))`) as Compiled;
  } finally {
    await files.shutdown();
  }
}

test("without WebGPU it says why, and ends in WebAssembly's numbers without a choice by hand", async () => {
  const firefox = await openFirefox({ webgpu: false });
  try {
    await open(firefox);
    const before = await firefox.until(() => {
      const text = document.body.innerText;
      return document.querySelector("input[name=backend]:checked") ? text : "";
    }, undefined);
    assert.match(before, /Firefox on Linux doesn't have WebGPU switched on/);
    assert.match(before, /WebGL2 \(gpu\.js\) can't be used: this browser has no WebGL2/);
    await choose(firefox, "Digits", "rows");
    assert.match(await run(firefox), /Computed by webassembly, not by WebGPU/);
    const { backend, rows, selfTest } = last();
    assert.is(backend, "webassembly");
    assert.is(selfTest!.trusted, true);
    assert.equal(rows.map(({ variant, status }) => `${variant} ${status}`), ["dense measured", "pruned measured"]);
    assert.equal(firefox.errors, []);
  } finally {
    await firefox.close();
  }
});

test.run();
