/** Contests and suites run with the plans that were measured fastest on this device, as `prune` does. */
import type { Gpu } from "../src/gpu/gpu.ts";
import { tune } from "../src/measure/tune.ts";
import { type Request, setTuning, tuningFor } from "../src/tensor/ops/launch.ts";

/** Measures the requests that this device's tuning doesn't know yet; plans made from now on use the winners. */
export async function tuneFor(gpu: Gpu, requests: readonly Request[]): Promise<void> {
  const tuning = tuningFor(gpu);
  const known = tuning.winners ?? {};
  const found = await tune(gpu, requests.filter(({ shapeClass }) => !(shapeClass in known)));
  const winners = Object.fromEntries(found.map(({ shapeClass, winner }) => [shapeClass, winner]));
  setTuning(gpu, { ...tuning, winners: { ...known, ...winners } });
}
