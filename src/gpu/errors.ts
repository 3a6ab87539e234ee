import { UserError } from "../errors.ts";

/** There is no WebGPU, or no adapter that fits: the message says what to install or switch on. */
export class NoAdapterError extends UserError {
  /** The class has this name after bundling too. */
  override readonly name = "NoAdapterError";
}

/**
 * The device went away (driver reset, tab in the background, `destroy`). Reopen, and go on from the last checkpoint.
 */
export class DeviceLostError extends UserError {
  /** The class has this name after bundling too. */
  override readonly name = "DeviceLostError";
}

/** Something is larger than the device holds in a buffer or binds at once: the message names both sizes. */
export class DeviceLimitError extends UserError {
  /** The class has this name after bundling too. */
  override readonly name = "DeviceLimitError";
}

/**
 * WebGPU refused something that we asked for: a shader, a dispatch, a size. The message names the kernel and the
 * shapes.
 */
export class GpuError extends Error {
  /** The class has this name after bundling too. */
  override readonly name = "GpuError";
}
