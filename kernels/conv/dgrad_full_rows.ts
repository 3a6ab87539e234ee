/** Plans data gradients of stride 1 on small maps, by full rows of dx (dgrad_full_rows.wgsl). */
import type { Program } from "../../src/gpu/types.ts";
import type { DeviceProfile } from "../device_profile.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Launch, type Step } from "../launch.ts";
import { packedBytes, type Packing, packStep } from "./pack.ts";
import { type Halo, haloBytes, isBare, padStep } from "./pad.ts";
import { convOutput, type ConvShape } from "./shape.ts";
import source from "./dgrad_full_rows.wgsl" with { type: "text" };

const GROUP = 64;
/**
 * The shader has registers for so many columns of dy and of the kernel, and a thread makes so many rows and channels.
 */
const WIDEST_MAP = 8, WIDEST_KERNEL = 5, ROWS = 4, CHANNELS = 4;

/** Says whether `fullRowsDgrad` can do this shape. */
export function fitsFullRows(s: ConvShape): boolean {
  const { kernel, stride, dilation, pads, groups, taps } = s;
  const plain = [...stride, ...dilation, groups].every((n) => n === 1) && pads.every((p) => p >= 0) && !taps;
  return plain && kernel[1] > 1 && kernel[1] <= WIDEST_KERNEL && convOutput(s)[1] <= WIDEST_MAP;
}

/** Estimates how long all threads' instructions take, in ns of one group of 8 lanes. */
export function fullRowsCost(s: ConvShape, { threads, conv }: DeviceProfile): number {
  const [, cols] = convOutput(s), { loopNs, load4Ns, fmaNs, storeNs, fullRowsSpill } = conv;
  const fours = ceilDiv(cols, 4), count = threadsOf(s);
  const perRow = loopNs + (s.kernel[1] + fours) * load4Ns + ROWS * CHANNELS * cols * s.kernel[1] * fmaNs;
  const perFilter = loopNs + 3 * fours * load4Ns + s.kernel[0] * perRow;
  const work = count * (s.filters * perFilter + ROWS * CHANNELS * s.width * storeNs);
  return work * fullRowsSpill * Math.max(1, threads / count);
}

/** The operands are "dy", "w" and "dx". */
export function fullRowsDgrad(s: ConvShape): Launch {
  const [rows, cols] = convOutput(s), [kernelRows, kernelCols] = s.kernel;
  const taps = kernelRows * kernelCols, channels4 = ceilDiv(s.channels, CHANNELS), fours = ceilDiv(cols, 4);
  const planes = s.batch * s.filters;
  const filled: Halo = { planes, height: rows, width: cols, rows, cols: 4 * fours, top: 0, left: 0, phases: 1 };
  const bare = isBare(filled), dy = bare ? "dy" : "padded";
  const packing: Packing = {
    groups: 1,
    filters: s.channels,
    taps: s.filters * taps,
    unit: 4,
    perGroup: s.filters * s.channels * taps,
    perFilter: taps,
  };
  const order = Uint32Array.from({ length: s.filters * taps }, (_, k) => {
    return Math.floor(k / taps) * s.channels * taps + k % taps;
  });
  const threads = threadsOf(s), grid = linearGrid(threads, GROUP);
  const product: Step = {
    plan: {
      program: program(kernelCols, fours),
      uniforms: [
        ...[threads, grid[0] * GROUP, s.batch, s.filters, s.channels, channels4, rows, kernelRows],
        ...[ceilDiv(s.height, ROWS), s.height, s.width, s.pads[0], s.pads[1]],
      ],
      grid,
    },
    bindings: [dy, "packed", "dx"],
  };
  return {
    steps: [...(bare ? [] : [padStep(filled, "dy", dy)]), packStep(packing, "w", "order", "packed"), product],
    scratch: { packed: packedBytes(packing), ...(bare ? {} : { padded: haloBytes(filled) }) },
    tables: { order },
  };
}

function threadsOf(s: ConvShape): number {
  return s.batch * ceilDiv(s.height, ROWS) * ceilDiv(s.channels, CHANNELS);
}

function program(KW: number, FOURS: number): Program {
  return {
    name: "convolution dgrad by full rows",
    source,
    constants: { KW, FOURS },
    access: ["read", "read", "read_write"],
  };
}

export function fullRowsVariants(): Program[] {
  return [2, 3, 4, 5].flatMap((KW) => [1, 2].map((fours) => program(KW, fours)));
}
