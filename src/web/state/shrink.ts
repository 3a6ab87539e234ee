/** Shrinking a network: what is known, as a signal, and whoever does the steps that are next (shrink/flow.ts). */
import { computed, signal } from "@preact/signals";
import type { NamedBlob } from "../../data/blob_files.ts";
import { type Findings, NO_FINDINGS, withEvent } from "../../measure/session/findings.ts";
import type { SessionEvent } from "../../measure/session/types.ts";
import { download } from "../download.ts";
import { afterEvent, BEGINNING, type Flow, type FlowEvent, isWanted, nextStep, type Step } from "../shrink/flow.ts";
import { leftOf } from "../time_left.ts";
import { engine, fail, message, type Progress } from "./app.ts";

export const flow = signal(BEGINNING);
/** What is being done, while it takes its time. */
export const working = signal<
  Progress & { readonly step: Step } | undefined
>(undefined);
/** A step that somebody waits for: predictions come by themselves. */
export const busy = computed(() => working.value !== undefined && working.value.step.do !== "predict");

/** Seconds that the two networks are timed for, in turns and one image at a time, as elsewhere on the page. */
const TIMED = { batches: [1], mode: "burst", seconds: 1, detail: false } as const;

const TEXTS: Readonly<Record<Step["do"], string>> = {
  "read network": "reading the network",
  "read images": "reading images",
  look: "looking at the network",
  predict: "",
  shrink: "shrinking",
  time: "timing both networks",
};

let networkFile: NamedBlob | undefined;
let imageFiles: readonly NamedBlob[] = [];
/** The step that is being done, and what it was begun for. */
let current: { readonly step: Step; readonly begun: Flow; readonly stop: AbortController } | undefined;
let driving = false;

/** Networks and images in one go: what ends in .onnx is the network. */
export function give(files: readonly NamedBlob[]): void {
  const network = files.findLast(({ path }) => /\.onnx$/i.test(path));
  const others = files.filter(({ path }) => !/\.onnx$/i.test(path));
  if (network) {
    networkFile = network;
    tell({ kind: "network file" });
  }
  if (others.length > 0) {
    imageFiles = others;
    tell({ kind: "image files" });
  }
}

/** A network that the page's server offers, as if its file had been chosen. */
export async function giveServed(name: string): Promise<void> {
  await engine().call("servedFile", { name }).then(
    ({ bytes }) => give([{ path: `${name.replace(/\.onnx$/i, "")}.onnx`, blob: new Blob([bytes]) }]),
    fail,
  );
}

/** What somebody does on the page, and what comes of it. */
export function tell(event: FlowEvent): void {
  message.value = undefined;
  happened(event);
  void drive();
}

export function stopShrinking(): void {
  const step = working.value?.step;
  if (step) tell({ kind: "held", step });
}

export async function saveShrunk(): Promise<void> {
  const title = flow.value.network?.title ?? "network.onnx";
  await engine().call("shrinkFile", {}).then(
    ({ bytes }) => download(`${title.replace(/\.onnx$/i, "")}-small.onnx`, bytes, "application/octet-stream"),
    fail,
  );
}

/** What else has been chosen ends the step under way. */
function happened(event: FlowEvent): void {
  flow.value = afterEvent(flow.value, event);
  if (current && !isWanted(flow.value, current.begun, current.step)) current.stop.abort();
}

async function drive(): Promise<void> {
  if (driving) return;
  driving = true;
  try {
    for (let step = nextStep(flow.value); step; step = nextStep(flow.value)) await take(step);
  } finally {
    driving = false;
  }
}

async function take(step: Step): Promise<void> {
  const stop = new AbortController();
  const { signal } = stop;
  current = { step, begun: flow.value, stop };
  working.value = { step, text: TEXTS[step.do], done: 0, total: 1, left: undefined };
  try {
    const event = await perform(step, signal);
    if (!signal.aborted) happened(event);
  } catch (error) {
    // Whoever stopped it knows why.
    if (!signal.aborted) {
      fail(error);
      happened({ kind: "held", step });
    }
  } finally {
    current = undefined;
    working.value = undefined;
  }
}

async function perform(step: Step, signal: AbortSignal): Promise<FlowEvent> {
  const begunMs = performance.now();
  const onEvents = (events: readonly object[]) => {
    const last = (events as readonly SessionEvent[]).findLast(({ kind }) => kind === "progress");
    if (last?.kind !== "progress" || step.do === "time") return;
    working.value = { step, ...last, left: leftOf(last, begunMs, performance.now()) };
  };
  const options = { signal, onEvents };
  switch (step.do) {
    case "read network": {
      const { path, blob } = networkFile!;
      const bytes = new Uint8Array(await blob.arrayBuffer());
      const request = { name: path.split("/").at(-1)!, bytes };
      return {
        kind: "network",
        network: await engine().call("shrinkNetwork", request, { ...options, transfer: [bytes.buffer] }),
      };
    }
    case "read images":
      return { kind: "images", images: await engine().call("shrinkImages", { files: imageFiles }, options) };
    case "look": {
      const { way, pixels } = step;
      return { kind: "looked", ...await engine().call("shrinkLook", { way, pixels }, options) };
    }
    case "predict": {
      const { way, removed } = step;
      return {
        kind: "predicted",
        removed,
        prediction: await engine().call("shrinkPredict", { way, removed }, options),
      };
    }
    case "shrink": {
      const { way, removed } = step;
      return { kind: "shrunk", shrunk: await engine().call("shrinkMake", { way, removed }, options) };
    }
    case "time":
      return { kind: "timed", rows: await timed(signal) };
  }
}

async function timed(signal: AbortSignal): Promise<Findings["rows"]> {
  let found: Findings = NO_FINDINGS;
  await engine().call("measure", { ...TIMED, networks: [flow.value.shrunk!.id] }, {
    signal,
    onEvents: (events) => found = (events as readonly SessionEvent[]).reduce(withEvent, found),
  });
  return found.rows;
}
