/**
 * The worker's own device, for what isn't a timing session: tested and opened on its safe path when it is first needed,
 * and opened again after it was lost.
 */
import { UserError } from "../../errors.ts";
import { DeviceLostError, NoAdapterError } from "../../gpu/errors.ts";
import { type Gpu, type OpenGpu, openGpu } from "../../gpu/gpu.ts";
import { openPatiently } from "../../measure/session/device.ts";
import { selfTest } from "../../measure/session/selftest.ts";
import type { SelfTest } from "../../measure/session/types.ts";

export interface Device {
  /**
   * Runs `work` on the device; once more on a new one where it was lost meanwhile.
   * @throws UserError where the device computes wrong numbers, or there is none
   */
  use<T>(work: (gpu: Gpu) => Promise<T>): Promise<T>;
  /** One more device, for long work; whoever asks closes it. Throws as `use` does. */
  open(): Promise<Gpu>;
  /** What a session has found out about the device: it needn't be tested again. */
  know(found: SelfTest): void;
  /** Called when the device that callers may have put things on is gone. */
  onLost(listener: () => void): void;
  /** Gives its memory back. */
  close(): void;
}

/** @param openRaw `Gpu.open`, or what a test puts in its place */
export function createDevice(openRaw: OpenGpu = openGpu): Device {
  let known: Promise<SelfTest> | undefined;
  let gpu: Promise<Gpu> | undefined;
  const listeners: (() => void)[] = [];
  const drop = () => {
    gpu?.then((open) => open.close(), () => {});
    gpu = undefined;
    for (const listener of listeners) listener();
  };
  const open = async (): Promise<Gpu> => {
    // First, because a self-test without an adapter fails in every check, and the adapter's absence says more.
    if (!known) (await openRaw({})).close();
    const { path, trusted, checks } = await (known ??= selfTest(openRaw));
    if (!trusted) {
      known = undefined;
      const wrong = checks.filter(({ outcome }) => outcome === "failed").map(({ name }) => name).join(", ");
      throw new UserError(
        `this device computes wrong numbers (self-test: ${wrong}): update the browser or the graphics driver`,
      );
    }
    return await openPatiently(openRaw, path, (error) => !(error instanceof NoAdapterError));
  };
  const attempt = async <T>(work: (gpu: Gpu) => Promise<T>): Promise<T> => {
    try {
      return await work(await (gpu ??= open()));
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
    open,
    know: (found) => known = Promise.resolve(found),
    onLost: (listener) => void listeners.push(listener),
    close: () => gpu && drop(),
  };
}
