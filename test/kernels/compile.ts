import { DEVICE_FEATURE, type EnableLines, probeFeatures } from "../../src/gpu/features.ts";
import { BINDING_TYPE } from "../../src/gpu/pipelines.ts";
import type { Access, Feature } from "../../src/gpu/types.ts";

/** A shader but for its `enable` lines, which differ among compilers. */
export interface Shader {
  readonly name: string;
  readonly code: string;
  readonly features: readonly Feature[];
  /** Of its buffers. Without it the text is checked, and no pipeline made. */
  readonly access?: readonly Access[];
}

export interface Refusal {
  readonly name: string;
  readonly message: string;
}

export interface Compiled {
  readonly refusals: readonly Refusal[];
  readonly compiled: number;
  /** How many were left out, by the feature that the adapter lacks. */
  readonly lacking: Readonly<Partial<Record<Feature, number>>>;
}

/**
 * Compiles shaders on this runtime's compiler (naga in Deno, Tint in a Chromium page), or on another one that is given, for
 * a device with no more than the limits that every WebGPU device has; gives those that are refused.
 */
export default async function compile(
  shaders: readonly Shader[],
  gpu: Pick<GPU, "requestAdapter"> = navigator.gpu,
): Promise<Compiled> {
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error("no WebGPU adapter");
  const requiredFeatures = Object.values(DEVICE_FEATURE).filter((name) => adapter.features.has(name));
  const device = await adapter.requestDevice({ requiredFeatures });
  const enable = await probeFeatures(device);
  const lacking: Partial<Record<Feature, number>> = {};
  const able = shaders.filter(({ features }) => {
    const missing = features.find((feature) => enable[feature] === undefined);
    if (missing) lacking[missing] = (lacking[missing] ?? 0) + 1;
    return !missing;
  });
  const refusals = await Promise.all(able.map((shader) => refusal(device, enable, shader)));
  device.destroy();
  return { refusals: refusals.filter((found) => found !== undefined), compiled: able.length, lacking };
}

async function refusal(device: GPUDevice, enable: EnableLines, shader: Shader): Promise<Refusal | undefined> {
  const { name } = shader;
  const code = shader.features.map((feature) => enable[feature]).join("") + shader.code;
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ label: name, code });
  const scope = device.popErrorScope();
  const refused = shader.access === undefined ? undefined : await pipelineError(device, module, name, shader.access);
  const error = (await module.getCompilationInfo()).messages.find(({ type }) => type === "error");
  const message = error ? `line ${error.lineNum}: ${error.message}` : (await scope)?.message ?? refused;
  return message === undefined ? undefined : { name, message };
}

async function pipelineError(device: GPUDevice, module: GPUShaderModule, label: string, access: readonly Access[]) {
  const pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [layout(device, access)] });
  const pipeline = device.createComputePipelineAsync({
    label,
    layout: pipelineLayout,
    compute: { module, entryPoint: "main" },
  });
  return await pipeline.then(() => undefined, (error: Error) => error.message);
}

/** Group 0 as the engine lays it out: uniforms first, then the storage buffers. */
function layout(device: GPUDevice, access: readonly Access[]): GPUBindGroupLayout {
  const entries: GPUBindGroupLayoutEntry[] = [
    { binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: "uniform", hasDynamicOffset: true } },
  ];
  for (const [index, kind] of access.entries()) {
    const type = BINDING_TYPE[kind];
    entries.push({ binding: index + 1, visibility: GPUShaderStage.COMPUTE, buffer: { type } });
  }
  return device.createBindGroupLayout({ entries });
}
