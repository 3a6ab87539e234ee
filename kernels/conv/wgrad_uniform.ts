/**
 * Plans weight gradients of 3×3 convolutions of stride 1 or 2 on small maps: each dispatch takes as much of x and of dy
 * as a uniform binding holds (wgrad_uniform.wgsl).
 */
import type { Program } from "../../src/gpu/types.ts";
import type { DeviceProfile } from "../device_profile.ts";
import { reduceStep } from "../gemm/plan.ts";
import { type BindingWindow, ceilDiv, type Launch, type Step } from "../launch.ts";
import { type Halo, haloBytes, isBare, padStep } from "./pad.ts";
import { convOutput, type ConvShape } from "./shape.ts";
import source from "./wgrad_uniform.wgsl" with { type: "text" };

/** A uniform binding holds PANEL fours of numbers, and may start at multiples of ALIGNMENT fours. */
const PANEL = 4096, ALIGNMENT = 16;
const TAPS = 9;
/** A workgroup has GROUP threads; TOGETHER threads take the same time as one on every device. */
const GROUP = 64, TOGETHER = 8;
/** A thread has so many filters. Planes of so many filters or channels start where a panel may, if an image does. */
const TILE = 16;

/** This is one operand as the kernel reads it; sizes count fours of numbers, with a plane's rows filled up to fours. */
interface Operand {
  readonly halo: Halo;
  readonly row: number;
  readonly plane: number;
  readonly image: number;
  /** A panel has so many channels or filters, or 0 where not enough of them fit. */
  readonly block: number;
  /** A panel has so many images. */
  readonly images: number;
}

interface Operands {
  readonly x: Operand;
  readonly dy: Operand;
}

/** Says whether `uniformWgrad` can do this shape. */
export function fitsUniformPanels(s: ConvShape): boolean {
  const { kernel, stride, dilation, groups, taps } = s;
  const plain = kernel.every((k) => k === 3) && dilation.every((d) => d === 1) && groups === 1 && !taps;
  if (!plain || stride[0] !== stride[1] || stride[0] > 2) return false;
  const { x, dy } = operands(s);
  return x.block > 0 && dy.block > 0;
}

/** Estimates how long one output row of an image takes, in ns of a group of 8 lanes, to compare ways. */
export function uniformCost(s: ConvShape, { threads, conv }: DeviceProfile): number {
  const { loopNs, loadNs, uniform4Ns, fmaNs, storeNs } = conv;
  const [rows, cols] = convOutput(s);
  const { x, dy } = operands(s);
  const tiles = ceilDiv(s.filters, TILE),
    channels = ceilDiv(s.channels, TOGETHER) * TOGETHER,
    parts = partsOf(s, threads);
  const fours = Math.min(4, ceilDiv(s.filters, 4));
  const perFour = loopNs + (4 * fours + 3 * s.stride[0]) * uniform4Ns + fours * 4 * TAPS * 4 * fmaNs;
  const atEnd = fours * 4 * TAPS * (loadNs + storeNs) * parts / (rows * Math.min(x.images, dy.images));
  const idle = Math.max(1, threads / (ceilDiv(Math.min(x.block, s.channels), GROUP) * GROUP * tiles * parts));
  return tiles * channels * (ceilDiv(cols, 4) * perFour + atEnd) * idle;
}

/** The operands are "x", "dy" and "y" (= dw). */
export function uniformWgrad(s: ConvShape, threads: number): Launch {
  const { x, dy } = operands(s);
  const parts = partsOf(s, threads), size = s.filters * s.channels * TAPS;
  const copied = { padded: !isBound(x), "padded dy": !isBound(dy) };
  const images = Math.min(x.images, dy.images);
  const steps: Step[] = [];
  if (copied.padded) steps.push(padStep(x.halo, "x", "padded"));
  if (copied["padded dy"]) steps.push(padStep(dy.halo, "dy", "padded dy"));
  const names = [copied.padded ? "padded" : "x", copied["padded dy"] ? "padded dy" : "dy", parts > 1 ? "partial" : "y"];
  for (let c = 0; c < s.channels; c += x.block) {
    for (let f = 0; f < s.filters; f += dy.block) {
      for (let n = 0; n < s.batch; n += images) {
        const piece = { c, f, n, images: Math.min(images, s.batch - n) };
        steps.push(panelStep(s, x, dy, piece, parts, names));
      }
    }
  }
  if (parts > 1) steps.push(reduceStep(size, parts, {}, 1, 1));
  // The last panel of a copy reaches beyond it: a uniform array has one size.
  const copyBytes = (operand: Operand) => haloBytes(operand.halo) + PANEL * 16;
  return {
    steps,
    scratch: {
      ...(copied.padded ? { padded: copyBytes(x) } : {}),
      ...(copied["padded dy"] ? { "padded dy": copyBytes(dy) } : {}),
      ...(parts > 1 ? { partial: parts * size * 4 } : {}),
    },
    tables: {},
  };
}

/** A piece is the channels from c, the filters from f and `images` images from n on, as many as a panel holds. */
interface Piece {
  readonly c: number;
  readonly f: number;
  readonly n: number;
  readonly images: number;
}

function panelStep(
  s: ConvShape,
  x: Operand,
  dy: Operand,
  { c, f, n, images }: Piece,
  parts: number,
  bindings: readonly string[],
): Step {
  const [rows] = convOutput(s);
  const channels = Math.min(x.block, s.channels - c), filters = Math.min(dy.block, s.filters - f);
  const fromX = panelAt(x, n * x.image + c * x.plane), fromDy = panelAt(dy, n * dy.image + f * dy.plane);
  const perFilter = s.channels * TAPS, fours = Math.min(4, ceilDiv(filters, 4));
  return {
    plan: {
      program: uniformProgram(fours, s.stride[0], leftOf(s)),
      uniforms: [
        ...[channels, filters, images, rows, dy.row, parts, s.pads[0] >>> 0, s.height],
        ...[fromX.start, x.image, x.plane, x.row, fromDy.start, dy.image, dy.plane],
        ...[f * perFilter + c * TAPS, perFilter, s.filters * perFilter, n > 0 ? 1 : 0],
      ],
      grid: [ceilDiv(channels, GROUP), ceilDiv(filters, 4 * fours), parts],
    },
    bindings,
    windows: { 0: fromX.bound, 1: fromDy.bound },
  };
}

/** Gives the panel that holds what begins `at`, and where in it that is. */
function panelAt(operand: Operand, at: number): { bound: BindingWindow; start: number } {
  const aligned = Math.floor(at / ALIGNMENT) * ALIGNMENT;
  const first = isBound(operand) ? Math.min(aligned, haloBytes(operand.halo) / 16 - PANEL) : aligned;
  return { bound: { byteOffset: first * 16, byteLength: PANEL * 16 }, start: at - first };
}

/**
 * Says whether panels of the tensor itself can be bound: it needs no padding, and the last of them ends where it does.
 */
function isBound({ halo }: Operand): boolean {
  const fours = haloBytes(halo) / 16;
  return isBare(halo) && fours % ALIGNMENT === 0 && fours >= PANEL;
}

/** Threads share the columns of a map where there are few of them otherwise. */
function partsOf(s: ConvShape, threads: number): number {
  const [, cols] = convOutput(s);
  const others = ceilDiv(s.channels, GROUP) * GROUP * ceilDiv(s.filters, TILE);
  return Math.min(ceilDiv(cols, 4), ceilDiv(threads, others));
}

/** The kernel shifts columns by one itself, which leaves most layers without a padded copy of x. */
function leftOf(s: ConvShape): number {
  return s.pads[1] > 0 ? 1 : 0;
}

function operands(s: ConvShape): Operands {
  const [rows, cols] = convOutput(s);
  const left = s.pads[1] - leftOf(s);
  return {
    x: operand(s.batch, s.channels, s.height, s.width, left),
    dy: operand(s.batch, s.filters, rows, cols, 0),
  };
}

function operand(batch: number, channels: number, height: number, width: number, left: number): Operand {
  const cols = ceilDiv(Math.max(1, width + left), 4) * 4;
  const halo: Halo = { planes: batch * channels, height, width, rows: height, cols, top: 0, left, phases: 1 };
  const row = cols / 4, plane = height * row, image = channels * plane;
  const room = image % ALIGNMENT === 0 ? PANEL : PANEL - ALIGNMENT + 1;
  const block = channels * plane <= room ? channels : Math.floor(room / plane / TILE) * TILE;
  return { halo, row, plane, image, block, images: 1 + Math.floor((room - block * plane) / image) };
}

function uniformProgram(FB: number, STRIDE: number, LEFT: number): Program {
  return {
    name: "convolution wgrad from uniform panels",
    source,
    constants: { FB, STRIDE, LEFT },
    access: ["uniform", "uniform", "read_write"],
  };
}

export function uniformVariants(): Program[] {
  return [
    ...[1, 2, 3, 4].map((fours) => uniformProgram(fours, 1, 1)),
    ...[[1, 0], [2, 0], [2, 1]].map(([stride, left]) => uniformProgram(1, stride, left)),
  ];
}
