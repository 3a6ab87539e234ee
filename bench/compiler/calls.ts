/** Puts the dispatches of a recording together into the layers and steps that they belong to. Pure. */
import { workgroupSizeOf } from "../../src/measure/describe_launch.ts";
import { constantText } from "../../src/gpu/shader.ts";
import type { Program } from "../../src/gpu/types.ts";
import type { Dispatch } from "./recording_gpu.ts";

/** What one layer or step dispatches. */
export interface Call {
  /** Shapes, as the dispatches were labelled, without the layer's name. */
  readonly label: string;
  /** The planner chose this way, where it had a choice. */
  readonly way?: string;
  /** In order. */
  readonly kernels: readonly KernelRun[];
  /** So many layers or steps are the same. */
  readonly times: number;
}

/** Dispatches of one program that follow each other and are alike. */
export interface KernelRun {
  readonly program: Program;
  /** Of a workgroup. */
  readonly threads: number;
  readonly dispatches: number;
  /** Launched by each dispatch, 64 threads to a wave. */
  readonly waves: number;
  /** Each writes so many numbers. */
  readonly outputs: number;
}

/** Lanes of a wave, of which GPUs run a workgroup's threads. */
const WAVE = 64;

/** The calls of a recording, equal ones counted, in the order of their first. */
export function callsOf(dispatches: readonly Dispatch[]): Call[] {
  const calls: { label: string; way?: string; kernels: KernelRun[] }[] = [];
  let before: Dispatch | undefined;
  for (const dispatch of dispatches) {
    if (!before || dispatch.label !== before.label) {
      calls.push({ label: withoutName(dispatch.label), kernels: [] });
    }
    before = dispatch;
    const call = calls[calls.length - 1];
    call.way ??= dispatch.way;
    const run = runOf(dispatch);
    const last = call.kernels.at(-1);
    if (last?.program === run.program && last.waves === run.waves) {
      call.kernels[call.kernels.length - 1] = { ...run, dispatches: last.dispatches + 1 };
    } else call.kernels.push(run);
  }
  return [...Map.groupBy(calls, (call) => describeCall(call, constantsOf)).values()]
    .map((equal) => ({ ...equal[0], times: equal.length }));
}

/** A call in one line: its shapes, the way, and each kernel with its waves. */
export function describeCall(
  { label, way, kernels }: Omit<Call, "times">,
  more: (program: Program) => string = () => "",
): string {
  const list = kernels.map(({ program, dispatches, waves }) =>
    `${program.name}${more(program)} ${dispatches > 1 ? `${dispatches}×` : ""}${waves}`
  );
  return `${label}${way ? ` (${way})` : ""}: ${list.join(", ")}`;
}

function constantsOf({ constants = {} }: Program): string {
  return ` ${JSON.stringify(constants)}`;
}

/** Layers are labelled by their name and then by shapes. */
function withoutName(label: string): string {
  return label.replace(/^\S+ (?=\[)/, "");
}

function runOf({ plan: { program, grid }, outputs }: Dispatch): KernelRun {
  const threads = threadsOf(program);
  const waves = Math.ceil(grid[0] * grid[1] * grid[2] * threads / WAVE);
  return { program, threads, dispatches: 1, waves, outputs };
}

const sizes = new WeakMap<Program, number>();

/** Threads of a workgroup. */
export function threadsOf(program: Program): number {
  let threads = sizes.get(program);
  if (threads === undefined) {
    const [x, y, z] = workgroupSizeOf(program, constantText(program));
    sizes.set(program, threads = x * y * z);
  }
  return threads;
}
