/**
 * The worker of a browser without WebGPU: lists networks and times their layers through gpu.js or WebAssembly. It alone
 * may make code from text, which gpu.js does.
 */
import { UserError } from "../../errors.ts";
import { createVisibility } from "../../measure/session/visibility.ts";
import type { Backend as BackendName } from "../../report/devices/record.ts";
import { createCatalogue, forSession } from "../engine/catalogue.ts";
import { createServer } from "../engine/server.ts";
import { answerCalls } from "../answers.ts";
import type { ToWorker } from "../messages.ts";
import type { Backend } from "./backend.ts";
import { gpuJsBackend, type GpuJsMode } from "./gpujs.ts";
import { fallbackSession } from "./session.ts";
import { wasmBackend } from "./wasm.ts";

const base = new URL("../", self.location.href);
const token = new URLSearchParams(self.location.hash.slice(1)).get("t") ?? undefined;
const catalogue = createCatalogue(base, createServer(base, token));
const visibility = createVisibility();

/** What is small enough to be timed in seconds on slow backends. */
const IDS = new Set(["digits", "lenet5", "resnet20"]);

const unable = () => Promise.reject(new UserError("this needs WebGPU, which this browser doesn't have"));

const receive = answerCalls(
  {
    async networks() {
      const list = await catalogue.list();
      return list.filter((entry) => IDS.has(entry.id) || entry.source !== "bundled");
    },
    async measure({ request: { networks, batches, mode, seconds, backend = "gpu.js webgl2" }, signal, tell }) {
      return await fallbackSession(() => open(backend), {
        networks: forSession(await catalogue.networks(networks)),
        protocol: { mode, seconds, batches },
        visibility,
        signal,
        onEvent: tell,
      });
    },
    addFile: unable,
    servedFile: unable,
    classify: unable,
    train: unable,
    trainState: unable,
    trainFile: unable,
    buildTable: unable,
    shrinkNetwork: unable,
    shrinkImages: unable,
    shrinkLook: unable,
    shrinkPredict: unable,
    shrinkMake: unable,
    shrinkFile: unable,
  },
  visibility,
  (message) => self.postMessage(message),
);
self.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => receive(data));

async function open(name: BackendName): Promise<Backend> {
  try {
    return name === "webassembly" ? await wasmBackend() : gpuJsBackend(name.replace("gpu.js ", "") as GpuJsMode);
  } catch (error) {
    throw new UserError(`${name} can't be used here (${(error as Error).message}): choose another one`);
  }
}
