/** Plans depthwise convolutions of x as it is, without a padded copy (depthwise_bare.wgsl): made for GPUs. */
import type { Program } from "../../src/gpu/types.ts";
import type { DeviceProfile } from "../device_profile.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Epilogue, epilogueConstants, EPILOGUES, type Launch, type Step } from "../launch.ts";
import type { Candidate } from "../tuning.ts";
import { convOutput, type ConvShape } from "./shape.ts";
import { WIDEST } from "./tap_runs.ts";
import source from "./depthwise_bare.wgsl" with { type: "text" };

const GROUP = 64;
const WIDEST_STRIDE = 2;

/** There are none on software adapters, for several channels to a group, dilated columns or strides above 2. */
export function bareDepthwiseCandidates(
  s: ConvShape,
  epilogue: Epilogue,
  profile: DeviceProfile,
): Candidate<Launch & { readonly prepare: readonly Step[] }>[] {
  const { channels, groups, kernel, stride, dilation, taps } = s;
  const fits = channels === groups && !taps && kernel[1] <= WIDEST && dilation[1] === 1 && stride[1] <= WIDEST_STRIDE;
  if (profile.waves === undefined || !fits) return [];
  return [{ name: "depthwise 1x4", cost: costOf(s, profile), build: () => launchOf(s, epilogue) }];
}

function threadsOf(s: ConvShape): number {
  const [rows, cols] = convOutput(s);
  return s.batch * s.filters * rows * ceilDiv(cols, 4);
}

/** Estimates how long all threads' instructions take, in ns of one group of 8 lanes. */
function costOf(s: ConvShape, { threads, conv: { loopNs, loadNs, fmaNs, storeNs } }: DeviceProfile): number {
  const [kh, kw] = s.kernel, pixels = 3 * s.stride[1] + kw;
  const count = threadsOf(s), line = loopNs + (pixels + kw) * loadNs + 4 * kw * fmaNs;
  return count * (kh * line + 4 * storeNs) * Math.max(1, threads / count);
}

function launchOf(s: ConvShape, epilogue: Epilogue): Launch & { readonly prepare: readonly Step[] } {
  const [rows, cols] = convOutput(s), threads = threadsOf(s), grid = linearGrid(threads, GROUP);
  const [kh, kw] = s.kernel;
  const uniforms = [
    ...[threads, grid[0] * GROUP, s.filters, s.filters / s.channels, s.channels, s.height, s.width],
    ...[rows, cols, ceilDiv(cols, 4), kh, s.stride[0], s.dilation[0], s.pads[0] >>> 0, s.pads[1] >>> 0],
  ];
  const program = bareProgram({ KW: kw, STRIDE: s.stride[1], ...epilogueConstants(epilogue) });
  const bias = epilogue.bias === "add" ? "bias" : "x", residual = epilogue.residual === "add" ? "residual" : "x";
  return {
    prepare: [],
    steps: [{ plan: { program, uniforms, grid }, bindings: ["x", "w", bias, residual, "y"] }],
    scratch: {},
    tables: {},
  };
}

function bareProgram(constants: Record<string, number>): Program {
  return {
    name: "depthwise convolution without padding",
    source,
    constants,
    access: ["read", "read", "read", "read", "read_write"],
  };
}

export function bareDepthwiseVariants(): Program[] {
  const plain = { KW: 1, STRIDE: 1, ...epilogueConstants({}) };
  return [
    ...Array.from({ length: WIDEST }, (_, i) => bareProgram({ ...plain, KW: i + 1 })),
    bareProgram({ ...plain, STRIDE: 2 }),
    ...EPILOGUES.slice(1).map((epilogue) => bareProgram({ ...plain, ...epilogueConstants(epilogue) })),
  ];
}
