/** Runs in the page: the worker's device, lost amid work and between two pieces of work. */
import { Tensor } from "../../../src/tensor/tensor.ts";
import { createDevice } from "../../../src/web/engine/device.ts";
import { openGpu } from "../../../src/measure/session/device.ts";

export default async function device(): Promise<{ read: number[][]; lost: number; opened: number[]; again: string }> {
  let opened = 0;
  const device = createDevice((options) => (opened++, openGpu(options)));
  let lost = 0;
  device.onLost(() => lost++);
  const read: number[][] = [], openedAt: number[] = [];
  let lose = 0;
  for (const losses of [0, 1, 0]) {
    lose = losses;
    read.push(
      await device.use(async (gpu) => {
        if (lose-- > 0) gpu.loseDevice();
        using tensor = Tensor.from(gpu, Float32Array.of(1, 2, 3), [3]);
        return [...await tensor.read()];
      }),
    );
    openedAt.push(opened);
  }
  lose = 2;
  const again = await device.use((gpu) => {
    if (lose-- > 0) gpu.loseDevice();
    return gpu.sync();
  }).then(() => "no error", (error) => error.name);
  device.close();
  return { read, lost, opened: openedAt, again };
}
