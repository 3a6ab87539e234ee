import { setTuning, tuningFor } from "../../src/tensor/ops/launch.ts";
import { testGpu } from "../gpu.ts";

/** Does `work` with planners that choose the candidate of this name for every shape that has one. */
export async function withWinner(name: string, work: () => Promise<void>): Promise<void> {
  const gpu = await testGpu();
  const before = tuningFor(gpu);
  setTuning(gpu, { ...before, winners: new Proxy({}, { get: () => name }) });
  try {
    await work();
  } finally {
    setTuning(gpu, before);
  }
}
