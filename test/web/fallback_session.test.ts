/** The session without WebGPU, on backends that compute right, wrong, or not to the end. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import fc from "fast-check";
import { builder } from "../../src/graph/build.ts";
import { referenceNode } from "../../src/graph/reference/forward.ts";
import { NO_FINDINGS, withEvent } from "../../src/measure/session/findings.ts";
import type { SessionNetwork } from "../../src/measure/session/session.ts";
import type { SessionEvent } from "../../src/measure/session/types.ts";
import { createVisibility, type Visibility } from "../../src/measure/session/visibility.ts";
import { zooPair } from "../../src/prune/methods/uniform.ts";
import { type Backend, type BackendEvent, BackendLostError, type Candidate } from "../../src/web/fallback/backend.ts";
import { chooseBackend } from "../../src/web/fallback/choose.ts";
import { fallbackSession } from "../../src/web/fallback/session.ts";
import { operandsOf, proveLayer } from "../../src/web/fallback/proof.ts";
import { wasmBackend } from "../../src/web/fallback/wasm.ts";
import { layersOf, type LayerWork } from "../../src/web/fallback/work.ts";

const test = suite("session without WebGPU");
const { dense, pruned } = zooPair("lenet5");
const lenet = [
  { network: "LeNet-5", variant: "dense", model: () => dense },
  { network: "LeNet-5", variant: "pruned", model: () => pruned },
] as const;

interface Asked {
  readonly batches?: readonly number[];
  readonly seconds?: number;
  readonly networks?: readonly SessionNetwork[];
  readonly visibility?: Visibility;
  readonly onEvent?: (event: SessionEvent | BackendEvent, stop: () => void) => void;
}

/** What is found is that of the last backend, as a page keeps it. */
async function run(backends: readonly Candidate[] | Backend, asked: Asked = {}) {
  const { networks = lenet, batches = [1], seconds = 0.1, visibility, onEvent } = asked;
  const events: (SessionEvent | BackendEvent)[] = [];
  const controller = new AbortController();
  const candidates = "prepare" in backends ? [{ name: backends.name, open: () => backends }] : backends;
  const { complete } = await fallbackSession(candidates, {
    networks,
    protocol: { mode: "burst", seconds, batches },
    visibility: visibility ?? createVisibility(),
    signal: controller.signal,
    onEvent(event) {
      events.push(event);
      onEvent?.(event, () => controller.abort());
    },
  });
  const used = events.flatMap((event) => event.kind === "backend" ? [event.backend] : []);
  const last = events.slice(events.findLastIndex(({ kind }) => kind === "backend"));
  const found = last.reduce((found, event) => event.kind === "backend" ? found : withEvent(found, event), NO_FINDINGS);
  return { complete, events, used, ...found };
}

/** WebAssembly, whose `result` of one layer goes through `spoil`. */
async function spoilt(spoil: (result: Float32Array, work: LayerWork) => Float32Array): Promise<Backend> {
  const wasm = await wasmBackend();
  return {
    ...wasm,
    prepare(work, x, w) {
      const prepared = wasm.prepare(work, x, w);
      return { ...prepared, result: () => spoil(prepared.result(), work) };
    },
  };
}

test("each network and batch size has a row for either form, made of its layers", async () => {
  const { complete, rows, layers, selfTest, device, events } = await run(await wasmBackend(), { batches: [1, 3] });
  assert.is(complete, true);
  assert.is(selfTest!.trusted, true);
  assert.is(device!.fallback, true);
  assert.equal(rows.map(({ variant, batch, status }) => `${variant} ${batch} ${status}`), [
    "dense 1 measured",
    "pruned 1 measured",
    "dense 3 measured",
    "pruned 3 measured",
  ]);
  for (const { variant, batch, medianMs, madMs, samples, macs, doubt } of rows) {
    assert.ok(medianMs! > 0 && madMs! >= 0 && samples! >= 5 && doubt === undefined);
    const own = layers.filter((layer) => layer.variant === variant && layer.batch === batch);
    assert.is(own.reduce((sum, layer) => sum + layer.macs, 0), macs);
    for (const layer of own) assert.is(layer.ofWhole, layer.medianMs / medianMs!);
  }
  assert.equal(events.flatMap((event) => event.kind === "progress" ? [event.done] : []), [0, 1]);
});

test("single results of a layer are computed as the interpreter computes them all", () => {
  const net = builder("proof", ["N", 6, 9, 7]);
  const options = { kernel: 3, stride: 2, pad: 1, dilation: 2, bias: false } as const;
  net.conv(net.input, { ...options, name: "grouped", out: 4, group: 2 });
  net.conv(net.input, { ...options, name: "whole", out: 3 });
  net.columnConv(net.input, { ...options, name: "columns", out: 3, taps: [0, 5, 13, 40, 53] });
  for (const work of layersOf(net.graph(), 2)) {
    const { x, w } = operandsOf(work);
    const y = referenceNode(work.node, [
      { shape: [2, 6, 9, 7], data: Float64Array.from(x) },
      {
        shape: work.op === "Conv" ? [work.filters, 6 / work.groups, 3, 3] : [3, 5],
        data: Float64Array.from(w),
      },
    ]).data;
    proveLayer(work, x, w, Float32Array.from(y), 1e-6);
    for (const at of [0, y.length - 1]) {
      const wrong = Float32Array.from(y, (value, i) => i === at ? value + 0.1 : value);
      assert.throws(() => proveLayer(work, x, w, wrong, 1e-3), new RegExp(`^${work.layer} is off by`));
    }
    assert.throws(() => proveLayer(work, x, w, Float32Array.from(y.slice(1)), 1e-3), /numbers came back/);
  }
});

test("WebAssembly computes convolutions of any shape, images of few pixels together", async () => {
  const wasm = await wasmBackend();
  const small = (max: number) => fc.integer({ min: 1, max });
  const shapes = fc.record({
    batch: small(5),
    groups: small(3),
    perGroup: small(5),
    filters: small(6),
    height: small(6),
    width: small(6),
    kernel: small(3),
    stride: small(2),
    dilation: small(2),
  });
  fc.assert(
    fc.property(shapes, ({ batch, groups, perGroup, filters, height, width, kernel, stride, dilation }) => {
      const channels = groups * perGroup;
      const net = builder("odd", ["N", channels, height, width]);
      // Enough padding that something is left to compute.
      const pad = Math.floor(dilation * (kernel - 1) / 2) + (kernel % 2 ? 0 : 1);
      const options = {
        name: "conv",
        out: groups * filters,
        kernel,
        stride,
        pad,
        dilation,
        group: groups,
        bias: false,
      };
      net.conv(net.input, options);
      const [work] = layersOf(net.graph(), batch);
      const { x, w } = operandsOf(work);
      const prepared = wasm.prepare(work, x, w);
      prepared.run(2);
      const expected = referenceNode(work.node, [
        { shape: [batch, channels, height, width], data: Float64Array.from(x) },
        { shape: [groups * filters, perGroup, kernel, kernel], data: Float64Array.from(w) },
      ]).data;
      assert.is(prepared.result().length, expected.length);
      const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(prepared.result()[i] - value)), 0);
      assert.ok(worst <= 1e-5 * expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1), `${worst}`);
    }),
    { numRuns: 150 },
  );
});

test("wrong numbers of a layer that is timed fail its network, and the reason names it", async () => {
  // Right on the small shapes of the proof: as textures that are too large for a device would be.
  const backend = await spoilt((y, { op, channels }) => op === "Gemm" && channels > 100 ? y.map((v) => v * 1.01) : y);
  const { selfTest, rows, layers } = await run(backend);
  assert.is(selfTest!.trusted, true);
  assert.equal(rows.map(({ status }) => status), ["failed", "failed"]);
  for (const { reason, medianMs } of rows) {
    assert.match(reason!, /fc\d.* is off by 1\.\de-2 of the largest result/);
    assert.is(medianMs, undefined);
  }
  assert.is(layers.length, 0);
});

test("nothing is timed where the proof fails, or numbers are none", async () => {
  for (const wrong of [0, NaN]) {
    const said = await run(await spoilt((y) => y.map(() => wrong))).catch((error) => error.message);
    assert.match(
      said,
      /^nothing in this browser computes the layers right \(webassembly: .* is off by .*another browser$/,
    );
  }
});

/** What this browser hasn't got, what computes wrong numbers, and what is right on the small shapes of the proof alone. */
async function played(): Promise<Record<"absent" | "wrong" | "dying" | "sound", Candidate>> {
  const sound = await wasmBackend();
  const wrong = await spoilt((y) => y.map((value) => value + 1));
  const dying: Backend = {
    ...sound,
    prepare(work, x, w) {
      if (work.batch === 3) throw new Error("its texture is too large");
      return sound.prepare(work, x, w);
    },
  };
  const absent = () => {
    throw new Error("there is no WebGL2 in workers");
  };
  return {
    absent: { name: "gpu.js webgl2", open: absent },
    wrong: { name: "gpu.js webasm", open: () => wrong },
    dying: { name: "gpu.js cpu", open: () => dying },
    sound: { name: "webassembly", open: () => sound },
  };
}

test("the first backend that this browser has and that passes its proof is chosen, and the others' reasons are kept", async () => {
  const { absent, wrong, dying, sound } = await played();
  const { backend, refused } = await chooseBackend([absent, wrong, dying, sound]);
  assert.is(backend, "gpu.js cpu");
  assert.equal(refused.map(({ backend }) => backend), ["gpu.js webgl2", "gpu.js webasm"]);
  assert.is(refused[0].reason, "there is no WebGL2 in workers");
  assert.match(refused[1].reason, /is off by \d\.\de[+-]\d of the largest result, 1e-5 is allowed$/);
  assert.is((await chooseBackend([absent, wrong])).backend, undefined);
});

test("where the first backend isn't there and the second one fails its proof, the third one's numbers come", async () => {
  const { absent, wrong, sound } = await played();
  const { complete, used, rows, selfTest, incidents } = await run([absent, wrong, sound]);
  assert.is(complete, true);
  assert.equal(used, ["webassembly"]);
  assert.is(selfTest!.trusted, true);
  assert.equal(rows.map(({ variant, status }) => `${variant} ${status}`), ["dense measured", "pruned measured"]);
  assert.equal(incidents.map(({ kind }) => kind), ["backend changed", "backend changed"]);
  assert.is(
    incidents[0].text,
    "gpu.js webgl2 can't be used (there is no WebGL2 in workers): webassembly computes instead",
  );
});

test("where a backend that passed its proof dies amid the run, the next one measures everything again", async () => {
  const { dying, sound } = await played();
  const { complete, used, events, rows, incidents } = await run([dying, sound], { batches: [1, 3] });
  assert.is(complete, true);
  assert.equal(used, ["gpu.js cpu", "webassembly"]);
  const told = events.flatMap((event) => event.kind === "row" ? [event.row] : []);
  assert.equal(told.map(({ batch, status }) => `${batch} ${status}`), [
    "1 measured",
    "1 measured",
    "1 measured",
    "1 measured",
    "3 measured",
    "3 measured",
  ]);
  assert.is(rows.length, 4, "all of the last backend");
  assert.equal(incidents.map(({ kind, text }) => `${kind}: ${text}`), [
    "backend changed: gpu.js cpu can't be used (its texture is too large): webassembly computes instead",
  ]);
});

test("the last backend's failures stay in the table, beside what it could measure", async () => {
  const { absent, dying } = await played();
  const { complete, rows } = await run([absent, dying], { batches: [3, 1] });
  assert.is(complete, true);
  assert.equal(rows.map(({ batch, status, reason }) => `${batch} ${status} ${reason}`), [
    "3 failed its texture is too large",
    "3 failed its texture is too large",
    "1 measured undefined",
    "1 measured undefined",
  ]);
});

test("a network that no backend could time doesn't change the backend", async () => {
  const { sound, wrong } = await played();
  const net = builder("computed", ["N", 2, 4, 4]);
  net.conv(net.input, { name: "conv", out: 2, kernel: 1, bias: false });
  const { params: { "conv.weight": weight, ...params }, inputs, ...graph } = net.graph();
  const computed = { ...graph, params, inputs: [...inputs, { name: "conv.weight", shape: weight.shape }] };
  const network = { network: "computed", variant: "dense", model: () => ({ graph: computed, params: new Map() }) };
  const networks = [network, ...lenet] as unknown as readonly SessionNetwork[];
  const { used, rows } = await run([sound, wrong], { networks });
  assert.equal(used, ["webassembly"]);
  assert.equal(rows.map(({ status }) => status), ["failed", "measured", "measured"]);
  assert.match(rows[0].reason!, /^Conv "conv" computes its weight/);
});

test("a backend that breaks leaves rows with its reason, and is tidied up", async () => {
  const wasm = await wasmBackend();
  let open = 0;
  const breaking: Backend = {
    ...wasm,
    prepare(work, x, w) {
      const prepared = wasm.prepare(work, x, w);
      open++;
      let runs = 0;
      return {
        ...prepared,
        run(times) {
          if (work.op === "Gemm" && ++runs > 4) throw new Error("the browser took the GPU away");
          prepared.run(times);
        },
        dispose: () => void open--,
      };
    },
  };
  const { complete, rows } = await run(breaking);
  assert.is(complete, true, "the table is: failed rows are in it");
  assert.equal(rows.map(({ status, reason }) => `${status}: ${reason}`), [
    "failed: the browser took the GPU away",
    "failed: the browser took the GPU away",
  ]);
  assert.is(open, 0);
});

test("a lost backend is opened again and its row taken once more, then marked", async () => {
  const wasm = await wasmBackend();
  /** Lost in its first `times` runs of a fully connected layer. */
  const losing = (times: number): Backend => ({
    ...wasm,
    prepare(work, x, w) {
      const prepared = wasm.prepare(work, x, w);
      return {
        ...prepared,
        run(repeats) {
          if (work.op === "Gemm" && times-- > 0) throw new BackendLostError("its context is lost");
          prepared.run(repeats);
        },
      };
    },
  });
  const once = await run(losing(1));
  assert.equal(once.rows.map(({ variant, status }) => `${variant} ${status}`), ["dense retried", "pruned retried"]);
  assert.equal(once.incidents.map(({ kind }) => kind), ["device lost", "device reopened"]);
  const twice = await run(losing(2), { batches: [1, 2] });
  assert.equal(twice.rows.map(({ variant, batch, status }) => `${variant} ${batch} ${status}`), [
    "dense 1 failed",
    "pruned 1 failed",
    "dense 2 measured",
    "pruned 2 measured",
  ]);
  assert.is(twice.rows[0].reason, "its context is lost");
  assert.is(twice.complete, true);
});

test("work that fails before the browser tells that the backend is lost is taken once more too", async () => {
  const wasm = await wasmBackend();
  let lost = false, failing = true;
  const late: Backend = {
    ...wasm,
    lost: () => lost,
    prepare(work, x, w) {
      if (failing && work.channels > 100) {
        failing = false;
        setTimeout(() => lost = true, 20);
        throw new Error("compiling vertex shader: null");
      }
      return wasm.prepare(work, x, w);
    },
  };
  const { rows, incidents } = await run(late);
  assert.equal(rows.map(({ variant, status }) => `${variant} ${status}`), ["dense retried", "pruned retried"]);
  assert.equal(incidents.map(({ kind, text }) => `${kind}: ${text}`).slice(0, 1), [
    "device lost: the browser took the GPU away",
  ]);
});

test("a page that is hidden meanwhile is told of, waited for, and the row is taken again", async () => {
  const visibility = createVisibility();
  const wasm = await wasmBackend();
  let hide = true;
  const hiding: Backend = {
    ...wasm,
    prepare(work, ...given) {
      if (hide && work.channels > 100) {
        hide = false;
        visibility.set("hidden");
        setTimeout(() => visibility.set("visible"), 300);
      }
      return wasm.prepare(work, ...given);
    },
  };
  const { rows, incidents, events } = await run(hiding, { visibility });
  assert.equal(incidents.map(({ kind }) => kind), ["hidden", "visible"]);
  const told = events.flatMap((event) => event.kind === "row" ? [event.row] : []);
  assert.equal(told.map(({ variant, doubt }) => `${variant} ${doubt}`), [
    "dense the page was hidden meanwhile",
    "pruned the page was hidden meanwhile",
    "dense undefined",
    "pruned undefined",
  ]);
  assert.is(rows.length, 2, "the later rows take the place of the earlier ones");
});

test("stops amid its samples when it is told, and says so", async () => {
  let stopped = 0;
  const seconds = 30;
  const { complete, incidents, rows } = await run(await wasmBackend(), {
    batches: [1, 2, 3],
    seconds,
    onEvent(event, stop) {
      if (event.kind === "progress") setTimeout(() => (stopped = performance.now(), stop()), 200);
    },
  });
  const took = performance.now() - stopped;
  assert.ok(took < seconds * 1000 / 2, `${took} ms after the stop, of ${seconds} s for each row`);
  assert.is(complete, false);
  assert.equal(incidents.map(({ kind }) => kind), ["stopped"]);
  assert.ok(rows.every(({ batch }) => batch === 1), "nothing was begun afterwards");
});

test.run();
