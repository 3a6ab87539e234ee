/** Opens and closes a device ten times with work in between, and prints this process's memory after each. For memory.test.ts. */
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

const TIMES = 10;
const BATCH = 16;
const SIDE = 64;
/** Its first activations need more than any device allows. */
const IMPOSSIBLE_BATCH = 2 ** 20;
/** Of what there was after the first time. */
const BACK = 1.1;
/** A busy system takes a while to free what was given back. All waits together. */
const PATIENCE_MS = 30_000, POLL_MS = 50;

prepareEnvironment();
const model = wideModel();
let first = Infinity, waitedMs = 0;

for (let i = 0; i < TIMES; i++) {
  await openAndClose();
  const rss = await settled();
  first = Math.min(first, rss);
  console.log(JSON.stringify({ rss, peak: peakBytes() }));
}

/** Few kernels, and activations of 17 MB. */
function wideModel() {
  const b = builder("wide", ["N", 3, SIDE, SIDE]);
  const left = b.conv(b.input, { name: "left", out: 64, kernel: 3, pad: 1 });
  const right = b.conv(b.input, { name: "right", out: 64, kernel: 3, pad: 1 });
  b.add(left, right);
  const graph = b.graph();
  return { graph, params: initialise(graph, 1) };
}

async function openAndClose(): Promise<void> {
  const gpu = await Gpu.open();
  const plan = compilePlan(gpu, model, BATCH);
  const x = Tensor.zeros(gpu, [BATCH, 3, SIDE, SIDE]);
  await plan.run(x).read();
  try {
    compilePlan(gpu, model, IMPOSSIBLE_BATCH);
    throw new Error("the impossible batch was compiled");
  } catch (error) {
    if ((error as Error).name !== "DeviceLimitError") throw error;
  }
  gpu.close();
}

/** This process's memory once it is near what it was after the first time, or when that doesn't come about. */
async function settled(): Promise<number> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    waitedMs += POLL_MS;
    const { rss } = Deno.memoryUsage();
    if (rss <= BACK * first || waitedMs > PATIENCE_MS) return rss;
  }
}

/** The most that this process had in memory so far; what it has now where the system doesn't tell. */
function peakBytes(): number {
  try {
    return 1024 * Number(/VmHWM:\s*(\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))![1]);
  } catch {
    return Deno.memoryUsage().rss;
  }
}
