import probe from "./probe.wgsl" with { type: "text" };
import type { Feature } from "./types.ts";

/** This is what stands at the top of a shader that uses a feature; the features that a device lacks are missing. */
export type EnableLines = Readonly<Partial<Record<Feature, string>>>;

/** A device offers a feature under this name. */
export const DEVICE_FEATURE: Readonly<Record<Feature, GPUFeatureName>> = {
  f16: "shader-f16",
  subgroups: "subgroups" as GPUFeatureName,
};

/**
 * Asks the device's own compiler how each of its features is to be enabled. Tint wants `enable subgroups;`, naga
 * refuses the line and takes the functions without it.
 */
export async function probeFeatures(device: GPUDevice): Promise<EnableLines> {
  const names = (Object.keys(DEVICE_FEATURE) as Feature[]).filter((name) => device.features.has(DEVICE_FEATURE[name]));
  const lines = names.map(async (name) => {
    const line = `enable ${name};\n`;
    return [name, await compiles(device, line + probe) ? line : ""] as const;
  });
  return Object.fromEntries(await Promise.all(lines));
}

async function compiles(device: GPUDevice, code: string): Promise<boolean> {
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ label: "feature probe", code });
  const scope = device.popErrorScope();
  const { messages } = await module.getCompilationInfo();
  return await scope === null && messages.every(({ type }) => type !== "error");
}
