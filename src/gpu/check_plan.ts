/** Refuses a dispatch that the device can't do, in words that name the kernel. */
import type { Slice } from "./buffers.ts";
import { DeviceLimitError, GpuError } from "./errors.ts";
import type { Plan } from "./types.ts";

/** The uniforms of one dispatch have so many bytes at most. */
export const SLOT_BYTES = 256;

/** What a device takes of one dispatch. */
interface DispatchLimits {
  readonly limits: Pick<GPUSupportedLimits, "maxComputeWorkgroupsPerDimension">;
  /** It binds no more bytes of a buffer. */
  readonly bindingBytes: number;
}

/**
 * @param what the kernel and its label, for messages
 * @throws GpuError where buffers, uniforms or the grid aren't what the kernel and the device take
 * @throws DeviceLimitError where a buffer is larger than the device binds
 */
export function checkPlan(
  { program, uniforms, grid }: Plan,
  bindings: readonly Slice[],
  what: string,
  { limits, bindingBytes }: DispatchLimits,
): void {
  if (bindings.length !== program.access.length) {
    throw new GpuError(`${what} takes ${program.access.length} buffers, got ${bindings.length}`);
  }
  if (uniforms.length * 4 > SLOT_BYTES) {
    throw new GpuError(`${what} has ${uniforms.length * 4} bytes of uniforms; at most ${SLOT_BYTES} fit`);
  }
  const limit = limits.maxComputeWorkgroupsPerDimension;
  if (grid.some((n) => n > limit)) {
    throw new GpuError(`${what} wants a grid of ${grid.join("×")} workgroups; at most ${limit} per dimension`);
  }
  const written = new Set(bindings.filter((_, i) => program.access[i] === "read_write").map((b) => b.buffer));
  if (written.size > 0 && bindings.some((b, i) => program.access[i] !== "read_write" && written.has(b.buffer))) {
    throw new GpuError(`${what} binds one buffer both to read and to write: copy, or use another output`);
  }
  for (const { byteLength } of bindings) {
    if (byteLength > bindingBytes) {
      throw new DeviceLimitError(
        `${what} binds ${byteLength} bytes; this device binds at most ${bindingBytes}: use a smaller batch or model`,
      );
    }
  }
}
