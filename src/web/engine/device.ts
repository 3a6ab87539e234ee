/** The worker's own device, for what isn't a timing session: opened when it is first needed, and again after it was lost. */
import { DeviceLostError } from "../../gpu/errors.ts";
import { Gpu } from "../../gpu/gpu.ts";

export interface Device {
  /** Runs `work` on the device; once more on a new one where it was lost meanwhile. */
  use<T>(work: (gpu: Gpu) => Promise<T>): Promise<T>;
  /** Called when the device that callers may have put things on is gone. */
  onLost(listener: () => void): void;
  /** Gives its memory back. */
  close(): void;
}

export function createDevice(): Device {
  let gpu: Promise<Gpu> | undefined;
  const listeners: (() => void)[] = [];
  const drop = () => {
    gpu?.then((open) => open.close(), () => {});
    gpu = undefined;
    for (const listener of listeners) listener();
  };
  const attempt = async <T>(work: (gpu: Gpu) => Promise<T>): Promise<T> => {
    try {
      return await work(await (gpu ??= Gpu.open()));
    } catch (error) {
      drop();
      throw error;
    }
  };
  return {
    async use(work) {
      try {
        return await attempt(work);
      } catch (error) {
        if (!(error instanceof DeviceLostError)) throw error;
        return await attempt(work);
      }
    },
    onLost: (listener) => void listeners.push(listener),
    close: () => gpu && drop(),
  };
}
