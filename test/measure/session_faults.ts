/** Devices with the faults that drivers have: real ones whose results, or whose fate, are tampered with. */
import * as assert from "uvu/assert";
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { Gpu, type GpuOptions, type Slice } from "../../src/gpu/gpu.ts";
import type { Plan } from "../../src/gpu/types.ts";
import type { OpenGpu } from "../../src/gpu/gpu.ts";
import { usesWorkgroupMemory } from "../../src/gpu/workgroup_storage.ts";
import type { Findings } from "../../src/measure/session/findings.ts";
import type { DeviceRecord } from "../../src/report/devices/record.ts";
import { parseDeviceRecord } from "../../src/report/devices/schema.ts";

/** What was found is of the shape that the server takes, whatever happened meanwhile. */
export function assertKeepable(found: Findings): void {
  const record: DeviceRecord = {
    version: 1,
    tool: "secateur 0.1.0",
    session: "a-session",
    name: "a-device",
    started: "2026-01-31T12:00:00.000Z",
    runtime: { userAgent: "Deno", cores: 2, isolated: false },
    backend: "webgpu",
    protocol: { mode: "burst", seconds: 1, batches: [1] },
    complete: true,
    ...found,
  };
  assert.equal(parseDeviceRecord(JSON.parse(JSON.stringify(record)), "the record"), record);
}

/** Opens devices and has `tamper` change each. */
export function faulty(tamper: (gpu: Gpu, options: GpuOptions) => void): OpenGpu {
  prepareEnvironment();
  return async (options) => {
    const gpu = await Gpu.open(options);
    tamper(gpu, options);
    return gpu;
  };
}

/** What an adapter says of itself. */
export interface PlayedAdapter {
  readonly vendor: string;
  readonly architecture: string;
  readonly description?: string;
  readonly subgroupMinSize?: number;
  /** Offered beside the real ones; a device that asks for them gets none. */
  readonly features?: readonly string[];
}

/** Opens devices of this machine's adapter, which says that it is another one; `asked` is told what each asks for. */
export function playsAdapter(
  { features = [], ...info }: PlayedAdapter,
  tamper: (gpu: Gpu, options: GpuOptions) => void = () => {},
  asked: (features: readonly string[]) => void = () => {},
): OpenGpu {
  const open = faulty(tamper);
  return async (options) => {
    const gpu = navigator.gpu, request = gpu.requestAdapter.bind(gpu);
    const requestAdapter = async (wish: GPURequestAdapterOptions) => {
      const real = (await request(wish))!;
      return {
        info: { device: "", description: "", isFallbackAdapter: false, ...info },
        limits: real.limits,
        features: new Set([...real.features, ...features]),
        requestDevice(descriptor: GPUDeviceDescriptor) {
          const requiredFeatures = [...descriptor.requiredFeatures ?? []];
          asked(requiredFeatures);
          return real.requestDevice({
            ...descriptor,
            requiredFeatures: requiredFeatures.filter((name) => real.features.has(name)),
          });
        },
      };
    };
    Object.defineProperty(gpu, "requestAdapter", { value: requestAdapter, configurable: true });
    try {
      return await open(options);
    } finally {
      delete (gpu as { requestAdapter?: unknown }).requestAdapter;
    }
  };
}

/**
 * Each kernel with workgroup memory that isn't kept in storage, and that `hit` names, is left out: a driver that
 * miscompiles them.
 */
export function miscompilesWorkgroupMemory(hit: (kernel: string) => boolean = () => true) {
  return (gpu: Gpu): void => {
    const run = gpu.run.bind(gpu);
    gpu.run = (plan, bindings, label) =>
      gpu.workgroupMemory && usesWorkgroupMemory(plan.program.source) && hit(plan.program.name)
        ? undefined
        : run(plan, bindings, label);
  };
}

/** Dispatches of `kernel` (part of its name) are left out, on a device that says it has `feature` unless that is left out. */
export function skips(kernel: string, feature?: Feature): OpenGpu {
  return faulty((gpu, { without = [] }) => {
    if (feature && !without.includes(feature)) claim(gpu, feature);
    const run = gpu.run.bind(gpu);
    gpu.run = (plan, bindings, label) => plan.program.name.includes(kernel) ? undefined : run(plan, bindings, label);
  });
}

type Feature = "shader-f16" | "subgroups";

function claim(gpu: Gpu, feature: Feature): void {
  Object.defineProperty(gpu, "features", { value: new Set([...gpu.features, feature]) });
}

/** With dynamic offsets, each dispatch of a submit after the first gets the first one's uniforms. */
export function firstUniformsOnly(): OpenGpu {
  return faulty(givesFirstUniforms);
}

/** Does to a device what `firstUniformsOnly` says. */
export function givesFirstUniforms(gpu: Gpu): void {
  if (!gpu.dynamicOffsets) return;
  const run = gpu.run.bind(gpu), flush = gpu.flush.bind(gpu);
  let first: readonly number[] | undefined;
  gpu.run = (plan: Plan, bindings: readonly Slice[], label?: string) => {
    first ??= plan.uniforms;
    run({ ...plan, uniforms: first }, bindings, label);
  };
  gpu.flush = () => {
    first = undefined;
    flush();
  };
}

/** What is read back for the `nth` time from a device has one bit of its first byte flipped. */
export function flipsBit(nth: number): OpenGpu {
  return faulty((gpu) => {
    const readMany = gpu.readMany.bind(gpu);
    let reads = 0;
    gpu.readMany = async (slices) => {
      const results = await readMany(slices);
      if (++reads === nth) new Uint8Array(results[0])[0] ^= 1;
      return results;
    };
  });
}

/**
 * A device that says it has subgroups. Its kernel is played on the host, for subgroups of `size`: `add` gives the sum over
 * the threads from `first` on.
 */
export function playsSubgroups(size: number, add: (first: number, x: Uint32Array) => number): OpenGpu {
  return faulty((gpu, { without = [] }) => {
    if (without.includes("subgroups")) return;
    claim(gpu, "subgroups");
    const run = gpu.run.bind(gpu), write = gpu.write.bind(gpu);
    let x = new Uint32Array();
    gpu.write = (to, data) => {
      if (data instanceof Uint32Array) x = data.slice();
      write(to, data);
    };
    gpu.run = (plan, bindings, label) => {
      if (plan.program.name !== "subgroup sums") return run(plan, bindings, label);
      const first = Uint32Array.from(x, (_, i) => i - i % size);
      write(bindings[1], first.map((leader) => add(leader, x)));
      write(bindings[2], first);
    };
  });
}
