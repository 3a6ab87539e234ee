/** What the page knows, as signals, and what its buttons do. */
import { computed, signal } from "@preact/signals";
import { UserError } from "../../errors.ts";
import { withEvent } from "../../measure/session/findings.ts";
import type { Mode, SessionEvent } from "../../measure/session/types.ts";
import { beginRecord, type DeviceRecord, sessionName } from "../../report/devices/record.ts";
import { type Client, createClient } from "../client.ts";
import { type BackendEvent, type BackendName, BACKENDS } from "../fallback/backend.ts";
import type { Refusal } from "../fallback/choose.ts";
import { diagnose, type Diagnosis, facts } from "../fallback/diagnose.ts";
import type { NetworkEntry } from "../messages.ts";
import { createOutbox } from "../outbox.ts";
import { sharedRecord } from "../share.ts";
import { type Left, leftOf } from "../time_left.ts";
import { TOOL } from "../tool.ts";
import { cleanName, deviceName } from "./device_name.ts";

/** How far something is, and how long it still takes. */
export interface Progress {
  readonly done: number;
  readonly total: number;
  readonly text: string;
  /** Undefined as long as nobody can tell. */
  readonly left: Left | undefined;
}

export type Tab = "time" | "draw" | "train" | "shrink";

/** The page's own address: everything else is beside it. */
export const base = new URL("./", location.href);
const link = new URLSearchParams(location.hash.slice(1));
const token = link.get("t") ?? undefined;
export const outbox = createOutbox(base, token);

export const tab = signal<Tab>("time");
export const message = signal<{ readonly text: string; readonly internal: boolean } | undefined>(undefined);

/** Why there is no WebGPU; undefined where there is, or it isn't known yet. */
export const diagnosis = signal<Diagnosis | undefined>(undefined);
export const ready = signal(false);

export const networks = signal<readonly NetworkEntry[]>([]);
export const chosen = signal<ReadonlySet<string>>(new Set(["digits", "lenet5", "resnet20"]));
export const batches = signal<ReadonlySet<number>>(new Set([1, 8]));
export const mode = signal<Mode>("burst");
/** Off at first: it takes several times as long as the numbers that it explains. */
export const detail = signal(false);
/** Whether plans keep their numbers in f16. */
export const f16 = signal(false);
export const name = signal("device");
/** Without WebGPU: what is to compute instead; undefined until it is known what can. */
export const backend = signal<BackendName | undefined>(undefined);
/** Without WebGPU: what can't, and why. */
export const refusedBackends = signal<readonly Refusal[]>([]);

export const record = signal<DeviceRecord | undefined>(undefined);
/** A record from a link: shown, and not this device's. */
export const shared = signal(false);
export const progress = signal<Progress | undefined>(undefined);
export const running = computed(() => progress.value !== undefined);
/** Networks that are chosen and there, in the list's order. */
export const chosenIds = computed(() => networks.value.map(({ id }) => id).filter((id) => chosen.value.has(id)));
/** Something is chosen to be timed. */
export const runnable = computed(() => chosenIds.value.length > 0 && batches.value.size > 0);

const SECONDS: Readonly<Record<Mode, number>> = { burst: 1, sustained: 60 };

let client: Client | undefined;
let stop: AbortController | undefined;
let begunMs = 0;

/** The worker that owns the GPU. */
export function engine(): Client {
  return client ??= openWorker("engine.js");
}

function openWorker(file: string): Client {
  const url = new URL(`app/${file}`, base);
  if (token !== undefined) url.hash = new URLSearchParams({ t: token }).toString();
  const opened = createClient(new Worker(url, { type: "module", name: file }));
  document.addEventListener("visibilitychange", () => opened.tellVisibility(document.visibilityState));
  return opened;
}

/** Finds out what this browser can do, and lists the networks. */
export async function start(): Promise<void> {
  await showShared();
  // A link that is opened where the page is already open changes the address and loads nothing.
  addEventListener("hashchange", () => void showShared());
  const known = await facts();
  name.value = deviceName(navigator.userAgent, known.model);
  diagnosis.value = diagnose(known);
  if (diagnosis.value) {
    client = openWorker("fallback.js");
    chosen.value = new Set(["digits", "lenet5"]);
    batches.value = new Set([1]);
  }
  ready.value = true;
  await engine().call("networks", {}).then(list, fail);
  if (diagnosis.value) await chooseBackend();
}

/** What a person reads beside a bar. */
export function showProgress(now: { readonly done: number; readonly total: number; readonly text: string }): void {
  progress.value = { ...now, left: undefined };
}

/** Whoever serves a file of theirs wants to see that one; everything else stays to be chosen. */
function list(entries: readonly NetworkEntry[]): void {
  networks.value = entries;
  const served = entries.filter(({ source }) => source === "served");
  if (served.length > 0) chosen.value = new Set(served.map(({ id }) => id));
}

/** Shows the record that the address holds, if it holds one. */
async function showShared(): Promise<void> {
  const found = await sharedRecord(location.hash).catch(fail);
  if (!found) return;
  if (running.value) return fail(new UserError("a run is going on: open the link again when it has ended"));
  message.value = undefined;
  shared.value = true;
  record.value = found;
  tab.value = "time";
}

/** The first that computes right is chosen beforehand. */
async function chooseBackend(): Promise<void> {
  const choice = await engine().call("chooseBackend", {}).catch(fail);
  refusedBackends.value = choice?.refused ?? [];
  backend.value ??= choice?.backend ?? BACKENDS[0];
}

export async function run(): Promise<void> {
  if (running.value || !runnable.value) return;
  const protocol = {
    mode: mode.value,
    seconds: SECONDS[mode.value],
    batches: [...batches.value].sort((a, b) => a - b),
  };
  const halves = f16.value && !diagnosis.value;
  record.value = newRecord({ ...protocol, ...halves && { storage: "f16" as const } });
  await whileRunning(async (signal) => {
    const { complete } = await engine().call("measure", {
      ...protocol,
      networks: chosenIds.value,
      detail: detail.value,
      f16: halves,
      backend: backend.value,
    }, { signal, onEvents: take });
    record.value = { ...record.value!, complete };
  });
}

/** Of this device, with nothing measured yet. */
export function newRecord(protocol: DeviceRecord["protocol"]): DeviceRecord {
  return beginRecord({
    tool: TOOL,
    session: sessionName(),
    name: cleanName(name.value),
    runtime: {
      userAgent: navigator.userAgent.slice(0, 400),
      cores: navigator.hardwareConcurrency || 1,
      isolated: globalThis.crossOriginIsolated === true,
    },
    backend: backend.value ?? "webgpu",
    ...diagnosis.value ? { reason: diagnosis.value.headline } : {},
    protocol,
  });
}

/** Measures with the screen awake and a bar that shows how far it is and stops it; then the record is on its way. */
export async function whileRunning(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  shared.value = false;
  message.value = undefined;
  progress.value = { done: 0, total: 1, text: "opening the device", left: undefined };
  begunMs = performance.now();
  stop = new AbortController();
  const awake = await keepAwake();
  try {
    await work(stop.signal);
  } catch (error) {
    fail(error);
  } finally {
    awake?.();
    progress.value = undefined;
    if (record.value) await outbox.put(record.value).catch(fail);
  }
}

export function stopRun(): void {
  stop?.abort();
  if (progress.value) progress.value = { ...progress.value, text: "stopping" };
}

/** What a call tells, folded into the record. */
export function take(events: readonly object[]): void {
  let next = record.value!;
  const keep = () => {
    if (next === record.value) return;
    record.value = next;
    void outbox.put(next).catch(fail);
  };
  for (const event of events as readonly (SessionEvent | BackendEvent)[]) {
    if (event.kind === "progress") {
      progress.value = { ...event, left: leftOf(event, begunMs, performance.now()) };
    } else if (event.kind === "backend") {
      keep();
      // A record's numbers are of one backend: another one begins anew.
      backend.value = event.backend;
      record.value = next = newRecord(next.protocol);
    } else next = withEvent(next, event);
  }
  keep();
}

/** A file from the phone: the worker reads it here, nothing is sent. */
export async function addFile(file: File): Promise<void> {
  message.value = undefined;
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const entry = await engine().call("addFile", { name: file.name, bytes }, { transfer: [bytes.buffer] });
    networks.value = [...networks.value.filter(({ id }) => id !== entry.id), entry];
    chosen.value = new Set([...chosen.value, entry.id]);
  } catch (error) {
    fail(error);
  }
}

export function toggle<T>(set: { value: ReadonlySet<T> }, item: T): void {
  const next = new Set(set.value);
  if (!next.delete(item)) next.add(item);
  set.value = next;
}

export function fail(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  message.value = { text, internal: (error as { internal?: boolean }).internal ?? false };
}

/** A screen that goes dark hides the page amid a measurement. */
async function keepAwake(): Promise<(() => void) | undefined> {
  try {
    const lock = await navigator.wakeLock?.request("screen");
    return () => void lock?.release();
  } catch {
    return undefined;
  }
}
