/** Asks what this device would run for one convolution or matrix product, and how fast each way is. */
import { type DeviceProfile, type ProfileName, PROFILES } from "../../kernels/device_profile.ts";
import { type Candidate, choose, type Tuning } from "../../kernels/tuning.ts";
import { UserError } from "../errors.ts";
import { adapterName } from "../gpu/adapter.ts";
import type { Gpu, Slice } from "../gpu/gpu.ts";
import { chosenGpu, type GpuChoice } from "../gpu/gpu_choice.ts";
import { joinPath } from "../store/path.ts";
import type { Store } from "../store/types.ts";
import { defaultTuning, launch } from "../tensor/ops/launch.ts";
import type { Ui } from "../ui.ts";
import { describeLaunch, type LaunchDescription } from "./describe_launch.ts";
import {
  type KernelQuestion,
  type KernelRequest,
  kernelRequest,
  operandsOf,
  questionWords,
} from "./kernel_question.ts";
import { plansName, readPlans, winnersOf } from "./plans.ts";
import { tune } from "./tune.ts";

export interface AskKernelOptions extends GpuChoice {
  readonly question: KernelQuestion;
  /** This way is described; by default the one that a run on this device would take. */
  readonly variant?: string;
  /** Planners estimate for this kind of device; by default for the one at hand. */
  readonly profile?: ProfileName;
  /** "each" measures every way on this device; "no" runs only the described one, once, to see it compile. */
  readonly time: "each" | "no";
  readonly store: Store;
  readonly plansFolder: string;
  readonly ui: Ui;
}

export interface KernelAnswer {
  readonly adapter: string;
  readonly profile: DeviceProfile["name"];
  /** What was asked for, in words. */
  readonly asked: string;
  /** What measurements of such shapes are kept under: nearby sizes share one. */
  readonly shapeClass: string;
  readonly macs: number;
  /** Bytes of inputs, weights and outputs, each moved once. */
  readonly bytes: number;
  readonly variants: readonly VariantAnswer[];
  /** Says why the described way was taken. */
  readonly chosen: {
    readonly name: string;
    readonly because: "asked for" | "measured fastest here" | "estimated fastest";
  };
  readonly plan: LaunchDescription;
}

export interface VariantAnswer {
  readonly name: string;
  /** The planner's estimate over that of the best way: what it goes by where nothing was measured. */
  readonly estimate: number;
  /** In each call. */
  readonly dispatches: number;
  /** A median; absent where nothing was timed, or where it can't be used here. */
  readonly ms?: number;
  /** How far outputs may be from the exact ones, over the largest, where it rounds more than plain sums do. */
  readonly error?: number;
  /** Why it can't be used on this device. */
  readonly refused?: string;
}

/** @throws UserError for a variant that the shape doesn't have, naming those that it has */
export async function askKernel(options: AskKernelOptions): Promise<KernelAnswer> {
  using device = await chosenGpu(options);
  const { gpu } = device;
  requireRoom(gpu, options.question);
  const tuning = await tuningOf(gpu, options);
  const request = kernelRequest(options.question, tuning);
  const candidate = chosen(request, tuning, options.variant);
  const plan = candidate.build();
  await runOnce(gpu, candidate, request);
  const [timed] = options.time === "each" && request.candidates.length > 1 ? await tune(gpu, [request]) : [];
  const least = Math.min(...request.candidates.map(({ cost }) => cost));
  return {
    adapter: adapterName(gpu.info),
    profile: tuning.profile.name,
    asked: questionWords(options.question),
    shapeClass: request.shapeClass,
    macs: request.macs,
    bytes: Object.values(request.operands).reduce((sum, bytes) => sum + bytes, 0),
    variants: request.candidates.map(({ name, cost, error, build }) => {
      const ms = timed?.measured.find((one) => one.name === name)?.medianMs;
      const refused = timed?.refused.find((one) => one.name === name)?.reason;
      return {
        name,
        estimate: cost / least,
        dispatches: build().steps.length,
        ...ms !== undefined && { ms },
        ...error !== undefined && { error },
        ...refused !== undefined && { refused },
      };
    }),
    chosen: { name: candidate.name, because: reason(request, candidate, tuning, options) },
    plan: describeLaunch(plan),
  };
}

/** @throws UserError where an operand is larger than any buffer: planning such shapes would take all memory that there is */
function requireRoom(gpu: Gpu, question: KernelQuestion): void {
  const limit = gpu.limits.maxBufferSize;
  for (const [name, bytes] of Object.entries(operandsOf(question))) {
    if (bytes <= limit) continue;
    throw new UserError(
      `${
        questionWords(question)
      }: ${name} has ${bytes} bytes, and a buffer of this device at most ${limit}: give a smaller --shape`,
    );
  }
}

/** What a run on this device would plan with, or the bare estimates for another kind of device. */
async function tuningOf(gpu: Gpu, { profile, store, plansFolder, ui }: AskKernelOptions): Promise<Tuning> {
  const base = defaultTuning(gpu);
  if (profile !== undefined) return { ...base, profile: PROFILES[profile] };
  const plans = await readPlans(store, joinPath(plansFolder, plansName(gpu.info)), gpu.info, ui.note);
  return { ...base, winners: winnersOf(plans) };
}

function chosen({ shapeClass, candidates }: KernelRequest, tuning: Tuning, variant: string | undefined): Candidate {
  if (variant === undefined) return choose(shapeClass, candidates, tuning);
  const found = candidates.find(({ name }) => name === variant);
  if (found) return found;
  const known = candidates.map(({ name }) => `"${name}"`).join(", ");
  throw new UserError(`--variant: ${shapeClass} has no way called "${variant}": give one of ${known}`);
}

function reason(
  { shapeClass }: KernelRequest,
  { name }: Candidate,
  { winners }: Tuning,
  { variant }: AskKernelOptions,
) {
  if (variant !== undefined) return "asked for";
  return winners?.[shapeClass] === name ? "measured fastest here" : "estimated fastest";
}

/** On zeros: it compiles or says why not, and `SECATEUR_DEBUG` tells of each dispatch. */
async function runOnce(gpu: Gpu, candidate: Candidate, { shapeClass, operands }: KernelRequest): Promise<void> {
  const plan = candidate.build();
  const slices: Record<string, Slice> = {};
  const needed = { ...operands, ...plan.prepare ? plan.scratch : {} };
  for (const [name, byteLength] of Object.entries(needed)) {
    slices[name] = { buffer: gpu.alloc(byteLength, `${shapeClass} ${name}`), byteOffset: 0, byteLength };
    gpu.clear(slices[name]);
  }
  try {
    launch(gpu, plan, slices, candidate.name, [...plan.prepare ?? [], ...plan.steps]);
    await gpu.sync();
  } finally {
    for (const { buffer } of Object.values(slices)) buffer.release();
  }
}
