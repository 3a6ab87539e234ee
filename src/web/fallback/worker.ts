/**
 * The worker of a browser without WebGPU: lists networks and times their layers through gpu.js or WebAssembly. It alone
 * may make code from text, which gpu.js does.
 */
import { UserError } from "../../errors.ts";
import { createVisibility } from "../../measure/session/visibility.ts";
import type { Backend as BackendName } from "../../report/devices/record.ts";
import { createCatalogue } from "../engine/catalogue.ts";
import { createServer } from "../engine/server.ts";
import type { CallName, Calls, FromWorker, ToWorker } from "../messages.ts";
import type { Backend } from "./backend.ts";
import { gpuJsBackend, type GpuJsMode } from "./gpujs.ts";
import { fallbackSession } from "./session.ts";
import { wasmBackend } from "./wasm.ts";

const base = new URL("../", self.location.href);
const token = new URLSearchParams(self.location.hash.slice(1)).get("t") ?? undefined;
const catalogue = createCatalogue(base, createServer(base, token));
const visibility = createVisibility();
const stops = new Map<number, AbortController>();
const post = (message: FromWorker) => self.postMessage(message);

/** What is small enough to be timed in seconds on slow backends. */
const IDS = new Set(["digits", "lenet5", "resnet20"]);

self.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  if ("visibility" in data) visibility.set(data.visibility);
  else if ("stop" in data) stops.get(data.id)?.abort();
  else void answer(data.id, data.call, data.request);
});

async function answer<N extends CallName>(id: number, call: N, request: Calls[N]["request"]): Promise<void> {
  const controller = new AbortController();
  stops.set(id, controller);
  try {
    if (call === "networks") {
      const list = await catalogue.list();
      post({ id, answer: list.filter((entry) => IDS.has(entry.id) || entry.source !== "bundled") });
    } else if (call === "measure") {
      post({ id, answer: await measure(id, request as Calls["measure"]["request"], controller.signal) });
    } else throw new UserError("this needs WebGPU, which this browser doesn't have");
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    post({ id, error: { message, internal: !(error instanceof UserError) } });
  } finally {
    stops.delete(id);
  }
}

async function measure(
  id: number,
  { networks: ids, batches, mode, seconds, backend: name = "gpu.js webgl2" }: Calls["measure"]["request"],
  signal: AbortSignal,
): Promise<Calls["measure"]["answer"]> {
  const networks = await catalogue.networks(ids);
  return await fallbackSession(() => open(name), {
    networks: networks.map(({ entry, models }) => ({
      network: entry.title,
      models: (["dense", "pruned"] as const).flatMap((variant) => {
        const model = models[variant];
        return model ? [{ variant, model }] : [];
      }),
    })),
    protocol: { mode, seconds, batches },
    visibility,
    signal,
    onEvent: (event) => post({ id, event }),
  });
}

async function open(name: BackendName): Promise<Backend> {
  try {
    return name === "webassembly" ? await wasmBackend() : gpuJsBackend(name.replace("gpu.js ", "") as GpuJsMode);
  } catch (error) {
    throw new UserError(`${name} can't be used here (${(error as Error).message}): choose another one`);
  }
}
