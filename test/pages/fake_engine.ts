/**
 * Stands where the page's engine is and answers its calls at once, so that every state of the page can be had at will,
 * those included that a sound device never shows. `SCENARIO` is written in by whoever bundles it.
 */
import type { DeviceInfo, KernelTime, LayerTime, Row, SessionEvent, Variant } from "../../src/measure/session/types.ts";
import { atOnce } from "../../src/measure/session/at_once.ts";
import type {
  CallName,
  Calls,
  FromWorker,
  NetworkEntry,
  ToWorker,
  TrainEvent,
  WorkEvent,
} from "../../src/web/messages.ts";

/**
 * "sound": a phone's GPU; "endless": one row, and then it goes on until it is stopped; "troubled": everything that can
 * happen meanwhile; "software": a fallback adapter; "untrusted": fails its self-test; "broken": the worker's own fault; "asked": the server
 * has something to be timed.
 */
export type Scenario = "sound" | "endless" | "troubled" | "software" | "untrusted" | "broken" | "asked";
declare const SCENARIO: Scenario;

interface Call<N extends CallName> {
  readonly request: Calls[N]["request"];
  readonly tell: (event: SessionEvent | TrainEvent | WorkEvent) => void;
  /** Resolves when the call is stopped. */
  readonly stopped: Promise<void>;
}

const VARIANTS = ["dense", "pruned"] as const;
const stops = new Map<number, () => void>();
/** Whether all is timed that the server asks for. */
let worked = false;
let trained: "no" | "begun" | "finished" = "no";

const entry = (id: string, title: string, params: number, macs: number): NetworkEntry => ({
  id,
  title,
  source: "bundled",
  variants: [{ variant: "dense", params, macs }, { variant: "pruned", params: params / 4, macs: macs / 4 }],
  input: [1, 28, 28],
});
const networks: NetworkEntry[] = [
  { ...entry("digits", "Digits", 38_282, 337_792), accuracy: { dense: 0.9972, pruned: 0.9944 } },
  entry("lenet5", "LeNet-5", 431_080, 2_293_000),
  entry("resnet20", "ResNet-20", 270_896, 40_551_808),
  { ...entry("run:a-long-name", "a-run-with-quite-a-long-name-of-its-own", 2e6, 3e8), source: "run" },
];

const DEVICE: DeviceInfo = {
  vendor: SCENARIO === "software" ? "google" : "qualcomm",
  architecture: SCENARIO === "software" ? "swiftshader" : "adreno-7xx",
  description: "",
  fallback: SCENARIO === "software",
  features: ["shader-f16", "timestamp-query"],
  limits: { maxStorageBufferBindingSize: 134_217_728 },
};

const handlers: { readonly [N in CallName]: (call: Call<N>) => Promise<Calls[N]["answer"]> | Calls[N]["answer"] } = {
  networks: () => networks,
  addFile({ request: { name } }) {
    if (name.startsWith("broken")) throw new Error(`${name}: ends in the middle of a tensor`);
    const added = { ...entry(`file:${name}`, name, 1e5, 1e6), source: "file" as const };
    networks.push(added);
    return added;
  },
  servedFile: () => ({ bytes: new Uint8Array([1, 2, 3]) }),
  measure,
  chooseBackend: () => ({ refused: [] }),
  classify: () =>
    VARIANTS.map((variant) => ({
      variant,
      probabilities: Array.from({ length: 10 }, (_, digit) => digit === 7 ? 0.91 : 0.01),
      ms: variant === "dense" ? 1.9 : 1.2,
    })),
  async train({ request: { resume }, tell, stopped }) {
    for (const [i, stage] of ["train", "admm", "retrain", "purify", "purify retrain"].entries()) {
      for (let epoch = 1; epoch <= 12; epoch++) {
        const at = 12 * i + epoch;
        const far = { seconds: i < 3 ? at : 36 + (at - 36) / 12, progress: at / 61, secondsLeft: 61 - at };
        tell({ stage, ...far, loss: 2.3 / at, accuracy: 1 - 0.9 / at, note: `${stage}  epoch ${epoch} of 12` });
      }
    }
    if (!resume) {
      trained = "begun";
      await stopped;
      return {};
    }
    trained = "finished";
    return {
      report: {
        accuracy: { dense: 0.9972, pruned: 0.9944 },
        params: { dense: 38_282, pruned: 3_526 },
        macs: { dense: 337_792, pruned: 62_412 },
      },
    };
  },
  trainState: () => ({ resumable: trained === "begun", finished: trained === "finished" }),
  trainFile: () => ({ bytes: new Uint8Array([1, 2, 3]) }),
  shrinkNetwork({ request: { name } }) {
    if (name.startsWith("broken")) throw new Error(`${name}: ends in the middle of a tensor`);
    const ways = {
      width: { parts: 2 },
      depth: { refused: "no block of layers that one linear layer could stand for" },
    };
    const pixels = ["measured", "imagenet", "unit", "symmetric"] as const;
    return { title: name, input: [3, 32, 32], cost: WHOLE, ways, pixels, notes: [] };
  },
  shrinkImages({ request: { files } }) {
    if (files.length < 8) throw new Error(`found ${files.length} images, expected 8 at least`);
    return { fitted: 400, judged: 100, notes: ["2 of 502 images can't be decoded, such as a.jpg"] };
  },
  async shrinkLook({ tell, stopped }) {
    tell({ kind: "progress", done: 3, total: 9, text: "looking at the network" });
    if (SCENARIO === "endless") {
      await stopped;
      throw new Error("stopped");
    }
    return { most: 0.42 };
  },
  shrinkPredict: ({ request: { removed } }) => predicted(removed),
  shrinkMake({ request: { removed } }) {
    const { before, after } = predicted(removed);
    return {
      id: "digits",
      before,
      after,
      fileBytes: { before: 1_093_963, after: 760_120 },
      proof: { maxRel: 3.1e-7, inputs: 128 },
      judged: { images: 100, loss: 0.081, agreement: 0.94 },
      notes: ["400 images tell too little of 2 layers, whose fits are held back"],
      seconds: 4.2,
    };
  },
  workOffer: () =>
    SCENARIO === "asked"
      ? { what: "the latency table of net.onnx", done: worked ? 40 : 12, total: 40, ended: worked }
      : undefined,
  async work({ tell, stopped }) {
    tell({ kind: "work", counted: 3, text: "3×3 convolution of 16×16, pads 1, 24 → 32" });
    await stopped;
    worked = true;
    return { counted: 28, ended: true };
  },
  shrinkFile: () => ({ bytes: new Uint8Array([8, 1]) }),
  async buildTable({ request: { network, batch }, tell, stopped }) {
    tell({ kind: "device", device: DEVICE });
    tell({ kind: "progress", done: 3, total: 9, text: "Conv 3×3 of 8×8: 4 → 16", secondsLeft: 80 });
    if (SCENARIO === "endless") {
      await stopped;
      throw new Error("stopped");
    }
    return {
      model: network,
      batch,
      clock: "gpu timestamps",
      quantumMs: 0.065536,
      wholeMs: 0.41,
      launchMs: 0.02,
      layers: [{
        shape: "Conv 3×3 of 8×8",
        layers: ["conv1"],
        inputs: [1],
        outputs: [4, 16],
        medianMs: [[0.1, 0.2]],
      }],
      rest: [{ name: "pool", op: "MaxPool", traffic: 1280, medianMs: 0.03 }],
    };
  },
};

const WHOLE = { macs: 40_551_808, params: 270_896, bytes: 1_083_584 };

/** Of two layers, one loses all that goes. */
function predicted(removed: number): Calls["shrinkPredict"]["answer"] {
  const half = { macs: WHOLE.macs / 2, params: WHOLE.params / 2, bytes: WHOLE.bytes / 2 };
  const less = (part: typeof half, by: number) => ({
    macs: Math.round(part.macs * (1 - by)),
    params: Math.round(part.params * (1 - by)),
    bytes: Math.round(part.bytes * (1 - by)),
  });
  const kept = Math.round(64 * (1 - 2 * removed));
  return {
    before: WHOLE,
    after: less(WHOLE, removed),
    parts: [
      { name: "layer1.0.conv1", filters: { kept: 16, of: 16 }, before: half, after: half },
      { name: "layer3.2.conv1", filters: { kept, of: 64 }, before: half, after: less(half, 2 * removed) },
    ],
    loss: removed / 4,
  };
}

async function measure({ request, tell, stopped }: Call<"measure">): Promise<{ complete: boolean }> {
  if (SCENARIO === "broken") throw new Error("the planner asked for 0 workgroups");
  const trouble = SCENARIO === "troubled";
  const trusted = SCENARIO !== "untrusted";
  tell({ kind: "device", device: DEVICE });
  tell({
    kind: "self-test",
    selfTest: {
      checks: [
        { name: "repeat", outcome: trusted ? "passed" : "failed", detail: "a product 61×67×129 twice" },
        { name: "subgroups", outcome: "absent", detail: "this device doesn't offer subgroups" },
        { name: "dynamic offsets", outcome: trouble ? "failed" : "passed", detail: "bind groups are used instead" },
      ],
      path: { dynamicOffsets: !trouble, workgroupMemory: true, f16: true, subgroups: false },
      ...trouble && { avoided: [{ part: "dynamic offsets", why: "the self-test failed with them" }] },
      trusted,
    },
  });
  if (trouble) {
    for (
      const [i, kind] of (["hidden", "visible", "device lost", "device reopened", "slower", "left out"] as const)
        .entries()
    ) {
      tell({ kind: "incident", incident: { atMs: 1700 * (i + 1), kind, text: `the text of “${kind}”` } });
    }
  }
  if (request.detail && trusted) {
    tell({ kind: "roof", roof: { gflops: 1480, gbps: 38 } });
    for (const kernel of kernels()) tell({ kind: "kernel", kernel });
  }
  const chosen = networks.filter(({ id }) => request.networks.includes(id));
  const total = chosen.length * request.batches.length;
  for (const [i, { title, accuracy, variants: [{ params, macs }] }] of chosen.entries()) {
    for (const [j, batch] of request.batches.entries()) {
      const done = i * request.batches.length + j;
      tell({ kind: "progress", done, total, text: `${title}, ${atOnce(batch)}`, secondsLeft: 3 * (total - done) });
      for (const variant of VARIANTS) {
        const row = { ...measuredRow(title, variant, batch, params, macs), accuracy: accuracy?.[variant] };
        tell({ kind: "row", row: trusted ? trouble ? troubled(row, i, j) : row : failed(row, "the self-test failed") });
      }
      if (request.detail && trusted) tell({ kind: "layers", layers: VARIANTS.flatMap((v) => layers(title, v, batch)) });
      if (SCENARIO === "endless") {
        await stopped;
        tell({ kind: "incident", incident: { atMs: 900, kind: "stopped", text: "before everything was measured" } });
        return { complete: false };
      }
    }
  }
  return { complete: true };
}

function measuredRow(network: string, variant: Variant, batch: number, params: number, macs: number): Row {
  const share = variant === "dense" ? 1 : 0.25;
  const medianMs = (0.4 + 1.1e-8 * macs * share * batch) * (variant === "dense" ? 1.2 : 1);
  return {
    network,
    variant,
    batch,
    params: Math.round(params * share),
    macs: Math.round(macs * share),
    status: "measured",
    coldMs: 180,
    medianMs,
    madMs: medianMs * 0.012,
    samples: 57,
    clock: "gpu timestamps",
    quantumMs: 0.065536,
    drift: 1.02,
  };
}

function failed({ medianMs: _median, madMs: _mad, coldMs: _cold, ...row }: Row, reason: string): Row {
  return { ...row, status: "failed", reason };
}

/** Each pair has a trouble of its own. */
function troubled(row: Row, network: number, batch: number): Row {
  const kind = (2 * network + batch) % 4;
  if (kind === 0) return { ...row, status: "retried" };
  if (kind === 1) return { ...row, doubt: "the page was hidden meanwhile" };
  if (kind === 2 && row.variant === "dense") {
    return failed(row, "out of memory: a buffer of 154,140,672 bytes was refused; a smaller batch may fit");
  }
  return { ...row, drift: 1.31 };
}

function kernels(): KernelTime[] {
  const shape = "512×512×512";
  const common = { madMs: 0.01, samples: 41 };
  return [
    { family: "gemm", shape, density: 1, medianMs: 0.4, gflops: 671, intensity: 85, ofRoof: 0.45, ...common },
    {
      family: "conv",
      shape: "32×16×32×32 → 16, 3×3",
      density: 1,
      medianMs: 0.5,
      gflops: 302,
      intensity: 31,
      ofRoof: 0.26,
      ...common,
    },
    ...[1, 0.5, 0.1].map((density) => ({
      ...{
        family: "block-sparse" as const,
        shape,
        density,
        medianMs: 0.1 + 0.4 * density,
        gflops: 500,
        intensity: 85 * density,
      },
      ofRoof: 0.3,
      ...common,
    })),
  ];
}

function layers(network: string, variant: Variant, batch: number): LayerTime[] {
  return ["features.0.conv", "features.1.conv", "pool", "classifier"].map((layer, i) => ({
    network,
    variant,
    batch,
    layer,
    op: ["Conv", "Conv", "MaxPool", "Gemm"][i],
    macs: (variant === "dense" ? 1000 : 400) * (i + 1),
    medianMs: (variant === "dense" ? 0.4 : 0.2) / (i + 1),
    ofWhole: 0.25,
    bytes: 1e4 * batch,
    dispatches: 1,
    launchMs: 0.02,
  }));
}

/** What a worker's global scope has, for the type-checker of a configuration without workers. */
const worker = globalThis as unknown as {
  postMessage(message: FromWorker): void;
  addEventListener(type: "message", listener: (event: MessageEvent<ToWorker>) => void): void;
};
const post = (message: FromWorker) => worker.postMessage(message);

worker.addEventListener("message", async ({ data }) => {
  if ("visibility" in data) return;
  if ("stop" in data) return stops.get(data.id)?.();
  const { id, call, request } = data;
  const stopped = new Promise<void>((resolve) => stops.set(id, resolve));
  try {
    const handler = handlers[call] as (call: unknown) => unknown;
    post({ id, answer: await handler({ request, stopped, tell: (event: SessionEvent) => post({ id, event }) }) });
  } catch (error) {
    post({ id, error: { message: (error as Error).message, internal: call === "measure" } });
  }
});
