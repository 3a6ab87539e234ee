import type { EnableLines } from "./features.ts";
import type { Access, Program } from "./types.ts";
import { constantText, programKey, shaderText } from "./shader.ts";
import { inStorage } from "./workgroup_storage.ts";

export interface Pipeline {
  readonly native: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly layoutKey: string;
  /** A workgroup of it has so many bytes of a buffer, bound last, in the place of workgroup memory; mostly 0. */
  readonly storedBytes: number;
  /** It is true until its first submit went through inside an error scope. */
  fresh: boolean;
}

/** How shaders are bound on a device. */
export interface BindingWays {
  /** Uniform slots are bound by dynamic offset. */
  readonly dynamicOffsets: boolean;
  /** Workgroup memory is used as shaders declare it; otherwise it lies in a storage buffer. */
  readonly workgroupMemory: boolean;
}

export const BINDING_TYPE: Readonly<Record<Access, GPUBufferBindingType>> = {
  read: "read-only-storage",
  read_write: "storage",
  uniform: "uniform",
};

/** Keeps compiled pipelines by program, and bind-group layouts by access pattern. */
export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #enable: EnableLines;
  readonly #dynamicOffsets: boolean;
  readonly #workgroupMemory: boolean;
  readonly #sources = new Map<string, number>();
  #byProgram = new WeakMap<Program, Pipeline>();
  readonly #byKey = new Map<string, Pipeline>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();

  constructor(device: GPUDevice, enable: EnableLines, { dynamicOffsets, workgroupMemory }: BindingWays) {
    this.#device = device;
    this.#enable = enable;
    this.#dynamicOffsets = dynamicOffsets;
    this.#workgroupMemory = workgroupMemory;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Gives the compiled pipeline of this program, or of another one with the same text and constants. */
  known(program: Program): Pipeline | undefined {
    let pipeline = this.#byProgram.get(program);
    if (!pipeline) {
      pipeline = this.#byKey.get(programKey(program, this.#sourceId(program.source)));
      if (pipeline) this.#byProgram.set(program, pipeline);
    }
    return pipeline;
  }

  compile(program: Program): Pipeline {
    const pipeline = this.#create(program);
    this.#byKey.set(programKey(program, this.#sourceId(program.source)), pipeline);
    this.#byProgram.set(program, pipeline);
    return pipeline;
  }

  /** WebGPU has no way to free a pipeline: it goes once nothing refers to it. */
  clear(): void {
    this.#byProgram = new WeakMap();
    this.#byKey.clear();
    this.#layouts.clear();
    this.#sources.clear();
  }

  #create(program: Program): Pipeline {
    const text = constantText(program);
    const stored = this.#workgroupMemory ? undefined : inStorage(text, program.access.length + 1, program.name);
    const access: readonly Access[] = stored ? [...program.access, "read_write"] : program.access;
    const layoutKey = access.join();
    const layout = this.#layout(layoutKey, access);
    const code = shaderText(program, this.#enable, stored?.code ?? text);
    const module = this.#device.createShaderModule({ label: program.name, code });
    const native = this.#device.createComputePipeline({
      label: program.name,
      layout: this.#device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: "main" },
    });
    return { native, layout, layoutKey, storedBytes: stored?.bytes ?? 0, fresh: true };
  }

  #layout(key: string, access: readonly Access[]): GPUBindGroupLayout {
    let layout = this.#layouts.get(key);
    if (!layout) {
      layout = this.#device.createBindGroupLayout({
        label: `uniforms+${key}`,
        entries: [
          {
            binding: 0,
            visibility: GPUShaderStage.COMPUTE,
            buffer: { type: "uniform", hasDynamicOffset: this.#dynamicOffsets },
          },
          ...access.map((a, i) => ({
            binding: i + 1,
            visibility: GPUShaderStage.COMPUTE,
            buffer: { type: BINDING_TYPE[a] },
          })),
        ],
      });
      this.#layouts.set(key, layout);
    }
    return layout;
  }

  #sourceId(source: string): number {
    let id = this.#sources.get(source);
    if (id === undefined) this.#sources.set(source, id = this.#sources.size);
    return id;
  }
}
