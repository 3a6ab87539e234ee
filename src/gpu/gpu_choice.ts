/** Which device work is done on: one that is given, or one of its own. */
import "../disposable.ts";
import { type Gpu, type OpenGpu, openGpu } from "./gpu.ts";

/** Options of work that can be done on any device. */
export interface GpuChoice {
  /** It works on this device, which stays open; by default it opens one of its own. */
  readonly gpu?: Gpu;
  /** Its own device is opened by this, by default by `Gpu.open`. */
  readonly open?: OpenGpu;
}

/** A device, closed at the end of the block only where it was opened for it. */
export interface ChosenGpu extends Disposable {
  /** The device. */
  readonly gpu: Gpu;
}

/** Gives the device that the options name, or opens one: `using device = await chosenGpu(options)`. */
export async function chosenGpu({ gpu, open = openGpu }: GpuChoice): Promise<ChosenGpu> {
  if (gpu) return { gpu, [Symbol.dispose]() {} };
  const own = await open({});
  return { gpu: own, [Symbol.dispose]: () => own.close() };
}
