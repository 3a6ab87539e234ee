/**
 * Stands in for a device where only the question matters what is dispatched: it keeps a list of dispatches and computes
 * nothing. Networks and training steps run on it as on a device, in milliseconds and on a machine without one.
 */
import type { DeviceProfile } from "../../kernels/device_profile.ts";
import type { Tuning } from "../../kernels/tuning.ts";
import { GpuBuffer, sizeClass, type Slice } from "../../src/gpu/buffers.ts";
import { checkPlan } from "../../src/gpu/check_plan.ts";
import type { Gpu } from "../../src/gpu/gpu.ts";
import type { Feature, Plan } from "../../src/gpu/types.ts";
import { setTuning } from "../../src/tensor/ops/launch.ts";

/** One dispatch. */
export interface Dispatch {
  readonly plan: Plan;
  /** It was recorded under this label. */
  readonly label: string;
  /** The planner chose this way, where it had a choice. */
  readonly way?: string;
  /** The last buffer that it writes has room for so many f32. */
  readonly outputs: number;
}

export interface Recording {
  readonly dispatches: readonly Dispatch[];
  /** Copies and clears of buffers, which a device does between its dispatches. */
  readonly copies: number;
}

export interface RecordingGpu {
  readonly gpu: Gpu;
  /** What `work` has recorded. */
  record(work: () => void): Recording;
}

/** What every device binds. */
const BINDING_BYTES = 128 << 20;

/** A device of this kind with these features, on which nothing was measured. */
export function recordingGpu(profile: DeviceProfile, features: readonly Feature[]): RecordingGpu {
  let dispatches: Dispatch[] = [];
  let copies = 0, all = 0, buffers = 0;
  const ways = new WeakMap<Plan, string>();
  const limits = { maxComputeWorkgroupsPerDimension: 65_535 };
  const stand = {
    info: { vendor: "", architecture: "", description: `no device, planned for ${profile.name}`, fallback: false },
    limits,
    bindingBytes: BINDING_BYTES,
    features: new Set<string>(),
    alloc: (bytes: number) => new GpuBuffer(buffers++, undefined as never, sizeClass(bytes), () => {}),
    write: () => {},
    clear: () => void copies++,
    copy: () => void copies++,
    run(plan: Plan, bindings: readonly Slice[], label = "") {
      checkPlan(plan, bindings, `kernel "${plan.program.name}" (${label})`, { limits, bindingBytes: BINDING_BYTES });
      const written = plan.program.access.lastIndexOf("read_write");
      const outputs = written < 0 ? 0 : bindings[written].byteLength / 4;
      dispatches.push({ plan, label, way: ways.get(plan), outputs });
      all++;
    },
    flush: () => {},
    trim: () => {},
    note: () => {},
    stats: () => ({ dispatches: all }),
    scope<T>(fn: (track: <D extends Disposable>(resource: D) => D) => T): T {
      using stack = new DisposableStack();
      return fn((resource) => stack.use(resource));
    },
  };
  const gpu = stand as unknown as Gpu;
  const tuning: Tuning = {
    profile,
    features,
    bindingBytes: BINDING_BYTES,
    onChoice({ name, launch: { prepare = [], steps } }) {
      for (const { plan } of [...prepare, ...steps]) ways.set(plan, name);
    },
  };
  setTuning(gpu, tuning);
  return {
    gpu,
    record(work) {
      dispatches = [];
      copies = 0;
      work();
      return { dispatches, copies };
    },
  };
}
