/** A clock on which work takes what it is, so that what is derived from times can be told on a machine that does other work. */
import type { Gpu } from "../../src/gpu/gpu.ts";
import { replaceTime } from "./replace_time.ts";

const DISPATCH_MS = 1;
const GROUP_MS = 0.03;
const BYTES_PER_MS = 200_000;

/**
 * On `gpu`, from now on, a dispatch takes a millisecond, 30 µs for each of its workgroups, and five milliseconds for each
 * megabyte that it binds; a copy takes the last. All of it is run as well.
 */
export function keepWorkClock(gpu: Gpu): void {
  const run = gpu.run.bind(gpu), copy = gpu.copy.bind(gpu);
  let ms = 0;
  gpu.run = (plan, bindings, label) => {
    const groups = plan.grid.reduce((product, length) => product * length, 1);
    ms += DISPATCH_MS + GROUP_MS * groups +
      bindings.reduce((sum, { byteLength }) => sum + byteLength, 0) / BYTES_PER_MS;
    run(plan, bindings, label);
  };
  gpu.copy = (from, to) => {
    ms += (from.byteLength + to.byteLength) / BYTES_PER_MS;
    copy(from, to);
  };
  replaceTime(gpu, async (record) => {
    await gpu.sync();
    ms = 0;
    record();
    await gpu.sync();
    return { ms, clock: "gpu timestamps", quantumMs: 1e-6 };
  });
}
