/** What went wrong on a device, from wherever it is told: validation, out of memory, loss. It is thrown at the next wait. */
import { DeviceLostError, GpuError } from "./errors.ts";

export class Failures {
  readonly #device: GPUDevice;
  readonly #lost: Promise<never>;
  #failure: Error | undefined;
  #checks: Promise<void>[] = [];
  #closed = false;

  constructor(device: GPUDevice) {
    this.#device = device;
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.#failure ??= new GpuError((event as GPUUncapturedErrorEvent).error.message);
    });
    this.#lost = device.lost.then((info) => {
      this.#failure = lostError(this.#closed ? CLOSED : info.message || info.reason || "no reason given");
      throw this.#failure;
    });
    this.#lost.catch(() => {});
  }

  /** Throws what has been told so far, and keeps it: for work that is only recorded. */
  refuse(): void {
    if (this.#failure) throw this.#failure;
  }

  /** From now on everything fails, because the device was closed. */
  close(): void {
    this.#closed = true;
    this.#failure = lostError(CLOSED);
  }

  /** Begins to listen to what the device finds invalid, until `endScope`. */
  beginScope(): void {
    this.#device.pushErrorScope("validation");
  }

  /** @param what is named in the error, should there be one */
  endScope(what: string): void {
    this.#checks.push(
      this.#device.popErrorScope().then((error) => {
        if (error) this.#failure ??= new GpuError(`${what}: ${error.message}`);
      }, () => {}),
    );
  }

  /** The next `settle` waits for `work`, whose own failure doesn't count. */
  waitFor(work: Promise<void>): void {
    this.#checks.push(this.orLost(work).catch(() => {}));
  }

  /** The same as `work`, unless the device is lost meanwhile: what was asked of a lost device may never end. */
  orLost<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#lost]);
  }

  /** Throws what went wrong up to now: once, unless the device is lost. */
  async settle(): Promise<void> {
    const checks = this.#checks;
    this.#checks = [];
    await Promise.all(checks);
    const failure = this.#failure;
    if (!failure) return;
    if (!(failure instanceof DeviceLostError)) this.#failure = undefined;
    throw failure;
  }

  /**
   * Waits for what maps buffers. A refused submit or a lost device makes the mapping fail first: the cause is thrown, not
   * the consequence.
   */
  async mapped(mapping: Promise<unknown>): Promise<void> {
    mapping.catch(() => {});
    try {
      await this.orLost(mapping);
    } catch (error) {
      await this.orLost(new Promise((resolve) => setTimeout(resolve, 100)));
      await this.settle();
      throw error;
    }
  }
}

const CLOSED = "it was closed";

function lostError(reason: string): DeviceLostError {
  return new DeviceLostError(
    `the GPU device was lost (${reason}): start again with --resume to go on from the last checkpoint`,
  );
}
