/** A shader as it reaches the device. */
export interface Shader {
  readonly name: string;
  readonly code: string;
  /** "r" or "w" per storage binding. Without it the text is checked, and no pipeline made. */
  readonly access?: string;
}

export interface Refusal {
  readonly name: string;
  readonly message: string;
}

/**
 * Compiles shaders on this runtime's compiler (naga in Deno, Tint in a Chromium page) for a device with no more than the
 * limits that every WebGPU device has; gives those that are refused.
 */
export default async function compile(shaders: readonly Shader[]): Promise<Refusal[]> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error("no WebGPU adapter");
  const features = (["shader-f16", "subgroups"] as GPUFeatureName[]).filter((name) => adapter.features.has(name));
  const device = await adapter.requestDevice({ requiredFeatures: features });
  const refusals = await Promise.all(shaders.map((shader) => refusal(device, shader)));
  device.destroy();
  return refusals.filter((found) => found !== undefined);
}

async function refusal(device: GPUDevice, shader: Shader): Promise<Refusal | undefined> {
  const { name, code } = shader;
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ label: name, code });
  const scope = device.popErrorScope();
  const refused = shader.access === undefined ? undefined : await pipelineError(device, module, name, shader.access);
  const error = (await module.getCompilationInfo()).messages.find(({ type }) => type === "error");
  const message = error ? `line ${error.lineNum}: ${error.message}` : (await scope)?.message ?? refused;
  return message === undefined ? undefined : { name, message };
}

async function pipelineError(device: GPUDevice, module: GPUShaderModule, label: string, access: string) {
  const pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [layout(device, access)] });
  const pipeline = device.createComputePipelineAsync({
    label,
    layout: pipelineLayout,
    compute: { module, entryPoint: "main" },
  });
  return await pipeline.then(() => undefined, (error: Error) => error.message);
}

/** Group 0 as the engine lays it out: uniforms first, then the storage buffers. */
function layout(device: GPUDevice, access: string): GPUBindGroupLayout {
  const entries: GPUBindGroupLayoutEntry[] = [
    { binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: "uniform", hasDynamicOffset: true } },
  ];
  for (const [index, kind] of [...access].entries()) {
    const type = kind === "w" ? "storage" : "read-only-storage";
    entries.push({ binding: index + 1, visibility: GPUShaderStage.COMPUTE, buffer: { type } });
  }
  return device.createBindGroupLayout({ entries });
}
