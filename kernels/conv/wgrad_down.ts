/**
 * Plans weight gradients of stride 1 (wgrad_down.wgsl): a thread makes all taps of a few filters and channels, and goes
 * down the rows, so that it loads each row of x once.
 */
import type { Program } from "../../src/gpu/types.ts";
import type { DeviceProfile } from "../device_profile.ts";
import { reduceStep } from "../gemm/plan.ts";
import { linearGrid } from "../grid.ts";
import { ceilDiv, type Launch, type Step } from "../launch.ts";
import type { Candidate } from "../tuning.ts";
import { inputHalo } from "./input.ts";
import { type Halo, haloBytes, isBare, padStep } from "./pad.ts";
import { convOutput, type ConvShape } from "./shape.ts";
import source from "./wgrad_down.wgsl" with { type: "text" };

/** Workgroups are small, so that few tiles keep all cores of a software adapter busy. */
const GROUP = 32;
/** The shader has registers for so many rows and columns of a kernel. */
const LARGEST = 5;
/** A thread has so many filters, and at most so many channels beside them. */
const FILTERS = 4, WIDEST = 4;
/** A thread holds at most so many sums; more don't fit into what a core has at hand. */
const MOST_SUMS = 256;

/**
 * There are none for other strides than 1, dilated columns, groups, kept columns, kernels beyond 5 × 5 or of one tap.
 */
export function downCandidates(s: ConvShape, profile: DeviceProfile): Candidate[] {
  if (!isDown(s)) return [];
  const widths = [WIDEST, 2, 1].filter((width) => sums(s, width) <= MOST_SUMS && (width === 1 || width <= s.channels));
  return widths.slice(0, 2).map((width) => {
    const { splits, cost } = bestSplits(s, profile, width);
    return { name: `down ${FILTERS}x${width}`, cost, build: () => downWgrad(s, width, splits) };
  });
}

function isDown({ kernel, stride, dilation, groups, taps }: ConvShape): boolean {
  const plain = [...stride, ...dilation, groups].every((n) => n === 1) && !taps;
  return plain && kernel.every((k) => k <= LARGEST) && kernel[0] * kernel[1] > 1;
}

function sums({ kernel: [rows, columns] }: ConvShape, width: number): number {
  return FILTERS * width * rows * columns;
}

/** Threads share the images and columns where there are few of them otherwise: by how many the cores are busiest. */
function bestSplits(s: ConvShape, profile: DeviceProfile, width: number): { splits: number; cost: number } {
  const [, cols] = convOutput(s);
  const tiles = ceilDiv(s.filters, FILTERS) * ceilDiv(s.channels, width);
  const most = Math.min(s.batch * ceilDiv(cols, 4), ceilDiv(profile.threads, tiles));
  return Array.from({ length: most }, (_, i) => ({ splits: i + 1, cost: downCost(s, profile, width, i + 1) }))
    .reduce((best, next) => next.cost < best.cost ? next : best);
}

/** Estimates how long one output row of an image takes, in ns of a group of 8 lanes, to compare ways. */
function downCost(s: ConvShape, profile: DeviceProfile, width: number, splits: number): number {
  const { loopNs, load4Ns, fmaNs, storeNs } = profile.conv;
  const [rows, cols] = convOutput(s), [kh, kw] = s.kernel;
  const lines = kw > 1 ? 2 : 1, columns4 = ceilDiv(cols, 4);
  return blocks(s, width).reduce((sum, { filters, channels }) => {
    const made = filters.each * channels.each * kh * kw;
    const turn = loopNs + (filters.each + channels.each * lines) * load4Ns + made * 4 * fmaNs;
    const column = rows * turn + channels.each * (kh - 1) * lines * load4Ns;
    const stores = splits * made * (splits > 1 ? 2 : 1) * storeNs / (s.batch * columns4);
    const tiles = filters.count * channels.count;
    return sum + tiles * columns4 * (column + stores) / rows * idle(tiles * splits, profile);
  }, 0);
}

/**
 * Says how many times longer so many threads take than as many in a launch that fills the device: cores share out the
 * workgroups, whose lanes run together.
 */
function idle(count: number, { threads, cores }: DeviceProfile): number {
  if (!cores) return Math.max(1, threads / count);
  const whole = Math.floor(count / GROUP), rest = ceilDiv(count % GROUP, cores.lanes) * cores.lanes;
  const busiest = ceilDiv(whole, cores.count) * GROUP + (whole % cores.count === 0 ? rest : 0);
  return cores.count * busiest / count;
}

/** The operands are "x", "dy" and "y" (= dw). */
function downWgrad(s: ConvShape, width: number, splits: number): Launch {
  const [rows, cols] = convOutput(s);
  const columns4 = ceilDiv(cols, 4);
  const x = paddedInput(s), dy = plainGradient(s);
  const size = s.filters * s.channels * s.kernel[0] * s.kernel[1];
  const names = { x: isBare(x) ? "x" : "padded", dy: isBare(dy) ? "dy" : "padded dy" };
  const steps: Step[] = [];
  if (names.x !== "x") steps.push(padStep(x, "x", names.x));
  if (names.dy !== "dy") steps.push(padStep(dy, "dy", names.dy));
  for (const { filters, channels } of blocks(s, width)) {
    const grid = linearGrid(channels.count * filters.count * splits, GROUP);
    steps.push({
      plan: {
        program: program(s.kernel, filters.each, channels.each),
        uniforms: [
          ...[s.batch, s.filters, s.channels, rows, columns4, x.rows * x.cols / 4, x.cols / 4],
          ...[channels.count, filters.count, splits, channels.first, filters.first, grid[0] * GROUP],
        ],
        grid,
      },
      bindings: [names.dy, names.x, splits > 1 ? "partial" : "y"],
    });
  }
  if (splits > 1) steps.push(reduceStep(size, splits, {}, 1, 1));
  return {
    steps,
    scratch: {
      ...(names.x === "x" ? {} : { padded: haloBytes(x) }),
      ...(names.dy === "dy" ? {} : { "padded dy": haloBytes(dy) }),
      ...(splits > 1 ? { partial: 4 * splits * size } : {}),
    },
    tables: {},
  };
}

/** Gives x so many fours of columns that there is one beyond those that dy's fours meet. */
function paddedInput(s: ConvShape): Halo {
  const [rows, cols] = convOutput(s), bare = inputHalo(s);
  const fours = ceilDiv(cols, 4) + (s.kernel[1] > 1 ? 1 : 0);
  return { ...bare, rows: rows + s.kernel[0] - 1, cols: 4 * Math.max(fours, ceilDiv(bare.cols, 4)) };
}

function plainGradient(s: ConvShape): Halo {
  const [rows, cols] = convOutput(s), planes = s.batch * s.filters;
  return { planes, height: rows, width: cols, rows, cols: 4 * ceilDiv(cols, 4), top: 0, left: 0, phases: 1 };
}

/** There are `count` tiles of `each`, from `first` on. */
interface Tiles {
  readonly first: number;
  readonly each: number;
  readonly count: number;
}

/**
 * Cuts `all` into tiles of `each`, and puts what is left in one of its own, so that odd widths cost little more than
 * their multiply-adds.
 */
function tiles(all: number, each: number): Tiles[] {
  const count = Math.floor(all / each), rest = all % each;
  return [{ first: 0, each, count }, { first: all - rest, each: rest, count: Math.min(1, rest) }].filter((t) =>
    t.count > 0
  );
}

function blocks(s: ConvShape, width: number): { filters: Tiles; channels: Tiles }[] {
  return tiles(s.filters, FILTERS).flatMap((filters) =>
    tiles(s.channels, width).map((channels) => ({ filters, channels }))
  );
}

function program([KH, KW]: readonly [number, number], filters: number, channels: number): Program {
  return {
    name: "convolution wgrad down the rows",
    source,
    constants: { KH, KW, FILTERS: filters, CHANNELS: channels },
    access: ["read", "read", "read_write"],
  };
}

export function downVariants(): Program[] {
  return [
    ...[1, 2, 3, 4, 5].map((k) => program([k, 2], 1, 1)),
    ...[1, 3, 4, 5].map((k) => program([2, k], 1, 1)),
    ...[2, 3, 4].map((filters) => program([2, 2], filters, 1)),
    ...[2, 3, 4].map((channels) => program([2, 2], 1, channels)),
  ];
}
