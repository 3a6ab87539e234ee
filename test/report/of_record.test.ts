import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { LayerTime, Variant } from "../../src/measure/session/types.ts";
import { diagnoseRecord } from "../../src/report/diagnosis/of_record.ts";
import { beginRecord, type DeviceRecord } from "../../src/report/devices/record.ts";

const test = suite("what a device's record lets the doctor say");

/** Times of one step that is a whole run, of which launches are `launches` · 0.1 ms. */
function layer(variant: Variant, batch: number, medianMs: number, launches: number): LayerTime {
  const macs = variant === "dense" ? 4000 : 1000;
  return {
    network: "net",
    variant,
    batch,
    layer: "conv",
    op: "Conv",
    macs,
    medianMs,
    ofWhole: 1,
    bytes: 1000,
    dispatches: launches,
    launchMs: 0.1,
  };
}

function record(layers: readonly LayerTime[]): DeviceRecord {
  const about = {
    tool: "secateur 0.1.0",
    session: "0123456789abcdef",
    name: "phone",
    runtime: { userAgent: "", cores: 8, isolated: true },
    backend: "webgpu",
    protocol: { mode: "burst", seconds: 1, batches: [1] },
  } as const;
  return { ...beginRecord(about, new Date(0)), layers };
}

test("dense and pruned steps of one network are set against each other, at each batch size", () => {
  const [{ network, parts }] = diagnoseRecord(record([
    layer("dense", 10, 4.2, 2),
    layer("pruned", 10, 1.2, 2),
    layer("dense", 1, 0.6, 2),
    layer("pruned", 1, 0.3, 2),
  ]));
  assert.is(network, "net");
  assert.equal(parts.map(({ title }) => title), ["Batch 1", "Batch 10", "Launches", "What can't be told"]);
  const text = parts[0].sentences.join("\n");
  assert.match(
    text,
    "The network takes 0.300 ms, the dense one 0.600 ms: 2.00× faster, with 4.00× fewer multiply-adds.",
  );
  // 0.3 − 0.6 ÷ 4 ms, of which launches are 0.2 − 0.2 ÷ 4.
  assert.match(text, "Of the 0.150 ms beyond that 0.150 ms are launches");
  assert.match(text, "What bounds it is launches: 67 % of its steps' 0.300 ms.");
});

test("a network of one form has no speed-up to explain", () => {
  const [{ parts }] = diagnoseRecord(record([layer("pruned", 1, 0.3, 1)]));
  assert.match(parts.at(-1)!.sentences.join("\n"), "No dense network is known");
});

test("records of earlier versions, and those without WebGPU, say nothing", () => {
  const { bytes: _bytes, dispatches: _dispatches, launchMs: _launchMs, ...old } = layer("pruned", 1, 0.3, 1);
  assert.equal(diagnoseRecord(record([old])), []);
  assert.equal(diagnoseRecord(record([])), []);
});

test.run();
