/** Pages about a network whose every name is HTML that runs a script: it is read as text, and nothing runs. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { compareDevices } from "../../src/report/devices/compare.ts";
import { renderComparison } from "../../src/report/devices/page.ts";
import { beginRecord, type DeviceRecord } from "../../src/report/devices/record.ts";
import { renderReport } from "../../src/report/html.ts";
import { inspectNetwork } from "../../src/report/inspection/network.ts";
import { renderInspection } from "../../src/report/inspection/page.ts";
import { shareLink } from "../../src/web/share.ts";
import { ATTACK, attack, attackNetwork } from "../hostile/attack.ts";
import { sampleDetail, sampleReport } from "../report/sample.ts";
import { openPhone, type Phone, type PhoneServer, servePage } from "./phone.ts";

const test = suite("attacks by names");
const PATIENCE_MS = 60_000;

let server: PhoneServer;
let phone: Phone;
test.before(async () => {
  server = await servePage();
  phone = await openPhone();
  phone.page.setDefaultTimeout(PATIENCE_MS);
  await phone.page.addInitScript(() => Object.assign(globalThis, { attacked: () => document.title = "attacked" }));
});
test.after(async () => {
  await phone.close();
  await server.stop();
});

/** @throws Error where a name became an element or a script ran, or the name isn't to be read at all */
async function requireText(): Promise<void> {
  await phone.page.getByText("onerror=attacked()").first().waitFor({ state: "attached" });
  const found = await phone.page.evaluate(() => ({
    images: document.querySelectorAll('img[src="x"]').length,
    attributes: document.querySelectorAll("[onerror]").length,
    title: document.title,
  }));
  assert.equal([found.images, found.attributes], [0, 0]);
  assert.not.match(found.title, /^attacked$/);
}

const record: DeviceRecord = {
  ...beginRecord({
    tool: attack("tool"),
    session: "0123456789abcdef",
    name: "pixel-8",
    runtime: { userAgent: ATTACK, cores: 8, isolated: true },
    backend: "webgpu",
    protocol: { mode: "burst", seconds: 1, batches: [1] },
  }, new Date(0)),
  device: {
    vendor: ATTACK,
    architecture: ATTACK,
    description: ATTACK,
    fallback: false,
    features: [ATTACK],
    limits: { [ATTACK]: 1 },
  },
  incidents: [{ atMs: 1, kind: "left out", text: ATTACK }],
  rows: (["dense", "pruned"] as const).map((variant) => ({
    network: ATTACK,
    variant,
    batch: 1,
    params: 10,
    macs: 20,
    status: "measured" as const,
    medianMs: 1.5,
    madMs: 0.1,
    samples: 20,
    clock: ATTACK,
    quantumMs: 0.1,
    doubt: ATTACK,
  })),
};

test("the pages that inspect, prune and devices write show names as text, even without their policies", async () => {
  const report = sampleReport({
    command: ATTACK,
    tool: ATTACK,
    adapter: { vendor: ATTACK, description: ATTACK, fallback: false },
    failed: [{ stage: 1, kind: "measure", reason: ATTACK }],
    requested: { [ATTACK]: 0.5 },
    untold: { [ATTACK]: ATTACK },
  });
  const { layers, residuals, ...detail } = sampleDetail({ recipeYaml: ATTACK, versions: { [ATTACK]: ATTACK } });
  const pages = {
    inspection: renderInspection(inspectNetwork(loadOnnx(attackNetwork(), "net.onnx").graph)),
    report: renderReport(report, {
      ...detail,
      layers: layers.map((layer) => ({ ...layer, name: attack(layer.name) })),
      residuals: residuals.map((residual) => ({ ...residual, layer: attack(residual.layer) })),
    }),
    devices: renderComparison(compareDevices([record], "all")),
  };
  for (const [name, html] of Object.entries(pages)) {
    assert.ok(html.includes("Content-Security-Policy"), name);
    await phone.page.goto("about:blank");
    await phone.page.setContent(html.replace("Content-Security-Policy", "x-none"));
    await requireText();
  }
});

test("the phone page shows the names of a network, a damaged file and another device's record as text", async () => {
  const drop = async (name: string, bytes: Uint8Array) => {
    await phone.page.evaluate(([name, bytes]) => {
      const dropped = new DataTransfer();
      dropped.items.add(new File([new Uint8Array(bytes as number[])], name as string));
      document.querySelector(".drop")!.dispatchEvent(new DragEvent("drop", { dataTransfer: dropped, bubbles: true }));
    }, [name, [...bytes]]);
    await requireText();
  };
  await phone.page.goto(server.link);
  await phone.page.locator("button.primary:enabled").waitFor();
  await drop(`${ATTACK}.onnx`, attackNetwork());
  await phone.page.goto("about:blank");
  await phone.page.goto(server.link);
  await phone.page.locator("button.primary:enabled").waitFor();
  await drop(`${ATTACK}.onnx`, attackNetwork().subarray(0, 500));
  await phone.page.goto("about:blank");
  const { href } = (await shareLink(record, new URL(server.address)))!;
  await phone.page.goto(href);
  await requireText();
});

test.run();
