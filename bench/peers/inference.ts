/**
 * Suite "peers-inference": ResNet-20's forward pass in headless Chromium, batch 1 and 32, on one adapter. Every batch has
 * a page of its own (ONNX Runtime's graph capture fails beside a second session); inputs lie on the device; a sample is
 * some passes and one read of the logits.
 */
import rootConfig from "../../deno.json" with { type: "json" };
import { graphCost } from "../../src/graph/cost.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import type { Contest } from "../contest.ts";
import { openPage } from "../browser/page.ts";
import { chosenCases, readOptions } from "../options.ts";
import { describeSetting, printSetting, type Setting, writeRecord } from "../record.ts";
import type { Call, Name } from "./inference/page.ts";
import { CHANNELS, CLASSES, inferenceProblem, SIDE } from "./inference/problem.ts";
import { contestOf, type Entry, type PeerRow, play, relativeDifference, rowsOf, type Rules } from "./match.ts";
import { peerTable } from "./table.ts";
import { pinned } from "./versions.ts";

const BATCHES = [1, 32];
const TITLE = "ResNet-20 inference in Chromium";
const GOALS = { "tfjs-webgpu": 2, "onnxruntime-web webgpu": 1.5 };
const TOLERANCE = 1e-4;
/** An isolated page's clock. */
const QUANTUM_MS = 0.005;
const ORT = `${import.meta.dirname}/node_modules/onnxruntime-web/dist`;

const VERSIONS: Readonly<Record<Name, string>> = {
  secateur: rootConfig.version,
  "tfjs-webgpu": pinned("@tensorflow/tfjs-backend-webgpu"),
  "onnxruntime-web webgpu": pinned("onnxruntime-web"),
  "onnxruntime-web wasm": pinned("onnxruntime-web"),
};

const { rounds, seed } = readOptions({ rounds: 3, steps: 1, seed: 1 });
const rules: Rules = { rounds, sampleMs: 200, tolerance: TOLERANCE, now: () => performance.now() };
const rows: PeerRow[] = [];
const contests: Contest[] = [];
const titleOf = (batch: number) => `ResNet-20, batch ${batch}`;
const batches = chosenCases(BATCHES, titleOf);
let setting: Setting | undefined;
let path = "";
for (const [i, batch] of batches.entries()) {
  const page = await openPage({ adapter: "any", files: ortFiles(), origin: "isolated" });
  const ask = <T>(call: Call) => page.call<T>(`${import.meta.dirname}/inference/page.ts`, call);
  try {
    if (!setting) {
      setting = await describeSetting("peers-inference", { info: await ask<Gpu["info"]>({ do: "adapter" }) }, {
        versions: { chromium: page.version, ...VERSIONS },
        seed,
        clock: "wall clock, with the final read",
        quantumMs: QUANTUM_MS,
      });
      console.log(`${TITLE}\n`);
      printSetting(setting);
    }
    const problem = inferenceProblem(batch, seed);
    const entries = (Object.keys(VERSIONS) as Name[]).map((name): Entry => ({
      name,
      version: VERSIONS[name],
      async open() {
        await ask({ do: "open", name, batch, seed });
        return {
          output: async () => Float32Array.from(await ask<number[]>({ do: "output", name })),
          sample: (calls) => ask<number>({ do: "sample", name, calls }),
          // The page is closed with all of them.
          dispose() {},
        };
      },
    }));
    const outcome = await play(entries, rules, (output) => checkFirst(problem, output));
    const title = titleOf(batch);
    const found = rowsOf(title, graphCost(problem.model.graph).macs * batch, outcome, GOALS);
    contests.push(contestOf(title, outcome, GOALS));
    rows.push(...found);
    console.log(peerTable(found) + "\n");
    const remaining = batches.slice(i + 1).map(titleOf);
    // After each batch: whoever ends the run early keeps what it found.
    path = writeRecord(setting, { title: TITLE, rounds, contests, rows, remaining });
  } finally {
    await page.close();
  }
}

console.log(
  `Medians of at most ${rounds} rounds of rotated order, fewer for the slow; a sample takes ${rules.sampleMs} ms at least, ` +
    "with one read.",
);
console.log(`Logits agree with ours within ${TOLERANCE} of the largest, ours with the float64 reference.`);
console.log(
  "onnxruntime-web wasm runs on the CPU without WebGPU: on a software adapter it says what the detour costs.",
);
console.log(`\nWritten to ${path}`);

/** Our logits of the first image against the float64 reference. */
function checkFirst({ model, images }: ReturnType<typeof inferenceProblem>, output: Float32Array): void {
  const { inputs: [{ name }], outputs: [logits] } = model.graph;
  const image = { shape: [1, CHANNELS, SIDE, SIDE], data: images.subarray(0, CHANNELS * SIDE * SIDE) };
  const expected = referenceForward(model, { [name]: image }).get(logits)!.data;
  const apart = relativeDifference(expected, output.subarray(0, CLASSES));
  if (!(apart <= TOLERANCE)) throw new Error(`our logits are ${apart.toExponential(1)} away from the reference`);
}

/** What ONNX Runtime fetches at run time, from the installed package. */
function ortFiles(): Record<string, string> {
  const names = [...Deno.readDirSync(ORT)].map(({ name }) => name).filter((name) =>
    /^ort-wasm.*\.(mjs|wasm)$/.test(name)
  );
  return Object.fromEntries(names.map((name) => [`/ort/${name}`, `${ORT}/${name}`]));
}
