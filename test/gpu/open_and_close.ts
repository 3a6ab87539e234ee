/** Opens and closes a device ten times with work in between, and prints this process's memory after each. For memory.test.ts. */
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import { createModel } from "../../src/models/zoo.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

const TIMES = 10;
const BATCH = 16;
/** Its first activations need more than any device allows. */
const IMPOSSIBLE_BATCH = 2 ** 20;
const SETTLE_MS = 100;

prepareEnvironment();
const graph = createModel("resnet20", { classes: 10, inChannels: 3, size: 32 });
const model = { graph, params: initialise(graph, 1) };

for (let i = 0; i < TIMES; i++) {
  await openAndClose();
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  console.log(JSON.stringify({ rss: Deno.memoryUsage().rss, peak: peakBytes() }));
}

async function openAndClose(): Promise<void> {
  const gpu = await Gpu.open();
  const plan = compilePlan(gpu, model, BATCH);
  const x = Tensor.zeros(gpu, [BATCH, 3, 32, 32]);
  await plan.run(x).read();
  try {
    compilePlan(gpu, model, IMPOSSIBLE_BATCH);
    throw new Error("the impossible batch was compiled");
  } catch (error) {
    if ((error as Error).name !== "DeviceLimitError") throw error;
  }
  gpu.close();
}

/** The most that this process had in memory so far; what it has now where the system doesn't tell. */
function peakBytes(): number {
  try {
    return 1024 * Number(/VmHWM:\s*(\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))![1]);
  } catch {
    return Deno.memoryUsage().rss;
  }
}
