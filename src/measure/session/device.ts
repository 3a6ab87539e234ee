/** Says how a session opens the device, and what it tells about it. */
import type { Gpu, GpuOptions, OpenGpu } from "../../gpu/gpu.ts";
import type { DeviceInfo, SafePath } from "./types.ts";

/** After a device was lost there may be no adapter for a moment. */
const TRIES = 3;
const PAUSE_MS = 500;

/** Tries for a while. Throws the last try's error, and at once where `giveUp` says so. */
export async function openPatiently(open: OpenGpu, path: SafePath, giveUp: (error: unknown) => boolean): Promise<Gpu> {
  for (let tries = 1;; tries++) {
    try {
      return await open(gpuOptions(path));
    } catch (error) {
      if (tries === TRIES || giveUp(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}

/** Gives the options that keep a device on its safe path. */
export function gpuOptions({ dynamicOffsets, workgroupMemory, f16, subgroups }: SafePath): GpuOptions {
  const without = [...f16 ? [] : ["shader-f16"], ...subgroups ? [] : ["subgroups"]];
  return { dynamicOffsets, workgroupMemory, without };
}

/** These decide how large a network and a batch may be. */
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupStorageSize",
  "maxComputeWorkgroupsPerDimension",
] as const;

export function deviceInfo({ info, features, limits }: Gpu): DeviceInfo {
  return {
    ...info,
    features: [...features].sort(),
    limits: Object.fromEntries(LIMITS.map((name) => [name, limits[name]])),
  };
}
