/**
 * Compiles the programs of a file on whatever device there is, each under its number: `compile_programs.ts <file.json>`.
 * compile.ts starts it with the Vulkan layer of null_device.c below, which writes down what became of each.
 */
import { openDevice } from "../../src/gpu/adapter.ts";
import { NoAdapterError } from "../../src/gpu/errors.ts";
import { BINDING_TYPE } from "../../src/gpu/pipelines.ts";
import { shaderText } from "../../src/gpu/shader.ts";
import type { Program } from "../../src/gpu/types.ts";

/** Exit code where there is no adapter. */
export const NO_ADAPTER = 3;

if (import.meta.main) await compileAll(JSON.parse(Deno.readTextFileSync(Deno.args[0])));

async function compileAll(programs: readonly Program[]): Promise<void> {
  const { device, enable } = await open();
  for (const [number, program] of programs.entries()) {
    const layout = device.createBindGroupLayout({
      entries: [
        { binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: "uniform", hasDynamicOffset: true } },
        ...program.access.map((access, i) => ({
          binding: i + 1,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: BINDING_TYPE[access] },
        })),
      ],
    });
    const module = device.createShaderModule({ code: shaderText(program, enable) });
    Deno.env.set("COMPILER_KERNEL", String(number));
    device.createComputePipeline({
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: "main" },
    });
    Deno.env.set("COMPILER_KERNEL", "");
  }
}

async function open() {
  try {
    return await openDevice({});
  } catch (error) {
    if (error instanceof NoAdapterError) Deno.exit(NO_ADAPTER);
    throw error;
  }
}
