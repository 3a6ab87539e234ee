import type { Gpu } from "../../src/gpu/gpu.ts";

/** From now on the device takes these times: for one recording, and so for each of several. What is given back undoes it. */
export function replaceTime(gpu: Gpu, time: Gpu["time"]): () => void {
  const before = [gpu.time, gpu.timeEach] as const;
  gpu.time = time;
  gpu.timeEach = async (records) => {
    const timings = [];
    for (const record of records) timings.push(await gpu.time(record));
    return timings;
  };
  return () => {
    [gpu.time, gpu.timeEach] = before;
  };
}
