/**
 * The worker of a browser without WebGPU: lists networks and times their layers through gpu.js or WebAssembly. It alone
 * may make code from text, which gpu.js does.
 */
import { UserError } from "../../errors.ts";
import { createVisibility } from "../../measure/session/visibility.ts";
import { createCatalogue, forSession } from "../engine/catalogue.ts";
import { createServer } from "../engine/server.ts";
import { answerCalls } from "../answers.ts";
import type { ToWorker } from "../messages.ts";
import { type BackendName, BACKENDS, type Candidate } from "./backend.ts";
import { chooseBackend } from "./choose.ts";
import { gpuJsBackend } from "./gpujs.ts";
import { fallbackSession } from "./session.ts";
import { wasmBackend } from "./wasm.ts";

const base = new URL("../", self.location.href);
const token = new URLSearchParams(self.location.hash.slice(1)).get("t") ?? undefined;
const catalogue = createCatalogue(base, createServer(base, token));
const visibility = createVisibility();

/** What is small enough to be timed in seconds on slow backends. */
const IDS = new Set(["digits", "lenet5", "resnet20"]);

const OPEN: Readonly<Record<BackendName, Candidate["open"]>> = {
  "gpu.js webgl2": () => gpuJsBackend("webgl2"),
  "gpu.js webasm": () => gpuJsBackend("webasm"),
  "gpu.js cpu": () => gpuJsBackend("cpu"),
  "webassembly": wasmBackend,
};
const candidates = BACKENDS.map((name): Candidate => ({ name, open: OPEN[name] }));

const unable = () => Promise.reject(new UserError("this needs WebGPU, which this browser doesn't have"));

const receive = answerCalls(
  {
    async networks() {
      const list = await catalogue.list();
      return list.filter((entry) => IDS.has(entry.id) || entry.source !== "bundled");
    },
    chooseBackend: () => chooseBackend(candidates),
    async measure({ request: { networks, batches, mode, seconds, backend }, signal, tell }) {
      const asked = candidates.filter(({ name }) => name === backend);
      return await fallbackSession([...asked, ...candidates.filter(({ name }) => name !== backend)], {
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
    workOffer: () => Promise.resolve(undefined),
    work: unable,
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
