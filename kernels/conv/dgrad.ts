import type { Program } from "../../src/gpu/types.ts";
import { linearGrid } from "../grid.ts";
import type { Launch, Step } from "../gemm/steps.ts";
import expand from "./expand.wgsl" with { type: "text" };
import { type Gather, gatherSteps, packedBytes, packStep } from "./indirect.ts";
import { type Halo, haloBytes, isBare, padStep } from "./pad.ts";
import { convOutput, type ConvShape } from "./shape.ts";

/** Along one axis: the inputs `first`, `first + stride`, … and, per tap that reaches them, the first output it meets. */
interface Phase {
  readonly first: number;
  readonly count: number;
  readonly taps: readonly { readonly k: number; readonly at: number }[];
}

/**
 * dx[N,C,H,W] from dy and w; operands "dy", "w", "dx". A stride s makes s² phases: input rows i ≡ r (mod s) only meet
 * taps kh with kh·d ≡ r, so each phase is a dense convolution of padded dy with its own taps, written with stride s.
 */
export function planConvDgrad(s: ConvShape): Launch {
  const [oh, ow] = convOutput(s);
  const vertical = phases(s.height, s.kernel[0], s.stride[0], s.dilation[0], s.pads[0]);
  const horizontal = phases(s.width, s.kernel[1], s.stride[1], s.dilation[1], s.pads[1]);
  const halo = gradientHalo(s, oh, ow, vertical, horizontal);
  const plane = halo.rows * halo.cols;
  const [kh, kw] = s.kernel;
  const perGroup = s.channels / s.groups, filters = s.filters / s.groups;
  const x = isBare(halo) ? "dy" : "padded";
  const steps: Step[] = [];
  const scratch: Record<string, number> = {};
  const tables: Record<string, Uint32Array<ArrayBuffer>> = {};
  if (x === "padded") {
    steps.push(padStep(halo, "dy", "padded"));
    scratch.padded = haloBytes(halo);
  }
  if (s.taps) {
    steps.push(expandStep(s, s.taps));
    scratch.dense = s.filters * perGroup * kh * kw * 4;
    tables.kept = keptColumns(s, s.taps);
  }
  for (const v of vertical) {
    for (const h of horizontal) {
      const id = `${v.first},${h.first}`;
      const taps = v.taps.length * h.taps.length * filters;
      const gather: Gather = {
        filters: perGroup,
        taps,
        groups: s.groups,
        batch: s.batch,
        rows: v.count,
        cols: h.count,
        x: [s.filters * plane, filters * plane, halo.cols, 1],
        y: [
          s.channels * s.height * s.width,
          s.height * s.width,
          s.stride[0] * s.width,
          s.stride[1],
          v.first * s.width + h.first,
        ],
      };
      const offsets = new Uint32Array(Math.max(4, Math.ceil(taps / 4) * 4));
      const order = new Uint32Array(Math.max(1, taps));
      let t = 0;
      for (let f = 0; f < filters; f++) {
        for (const a of v.taps) {
          for (const b of h.taps) {
            offsets[t] = (f * halo.rows + a.at + halo.top) * halo.cols + b.at + halo.left;
            order[t++] = f * perGroup * kh * kw + a.k * kw + b.k;
          }
        }
      }
      tables[`taps ${id}`] = offsets;
      tables[`order ${id}`] = order;
      const packed = `packed ${id}`;
      scratch[packed] = Math.max(16, packedBytes(gather));
      if (taps > 0) {
        steps.push(
          packStep(gather, filters * perGroup * kh * kw, kh * kw, s.taps ? "dense" : "w", `order ${id}`, packed),
        );
      }
      steps.push(...gatherSteps(gather, { x, packed, taps: `taps ${id}`, y: "dx" }, {}, 1, 0));
    }
  }
  return { steps, scratch, tables };
}

/** The non-empty phases of an axis of `size` inputs. */
function phases(size: number, kernel: number, stride: number, dilation: number, pad: number): Phase[] {
  const found: Phase[] = [];
  for (let first = 0; first < Math.min(stride, size); first++) {
    const taps = [];
    for (let k = 0; k < kernel; k++) {
      const at = (first + pad - k * dilation) / stride;
      if (Number.isInteger(at)) taps.push({ k, at });
    }
    found.push({ first, count: Math.ceil((size - first) / stride), taps });
  }
  return found;
}

/** dy with zeros wherever any phase looks beyond it. */
function gradientHalo(s: ConvShape, oh: number, ow: number, vertical: Phase[], horizontal: Phase[]): Halo {
  const [top, bottom] = reach(oh, vertical), [left, right] = reach(ow, horizontal);
  return {
    planes: s.batch * s.filters,
    height: oh,
    width: ow,
    rows: oh + top + bottom,
    cols: ow + left + right,
    top,
    left,
  };
}

/** How far the phases look before and behind `size` outputs. */
function reach(size: number, phases: readonly Phase[]): [number, number] {
  let before = 0, behind = 0;
  for (const { count, taps } of phases) {
    for (const { at } of taps) {
      before = Math.max(before, -at);
      behind = Math.max(behind, at + count - size);
    }
  }
  return [before, behind];
}

function keptColumns(s: ConvShape, taps: readonly number[]): Uint32Array<ArrayBuffer> {
  const kept = new Uint32Array(s.channels * s.kernel[0] * s.kernel[1]).fill(0xffffffff);
  taps.forEach((column, t) => kept[column] = t);
  return kept;
}

function expandStep(s: ConvShape, taps: readonly number[]): Step {
  const columns = s.channels * s.kernel[0] * s.kernel[1];
  const size = s.filters * columns;
  const grid = linearGrid(size, 64);
  return {
    plan: { program: EXPAND, uniforms: [size, grid[0] * 64, taps.length, columns], grid },
    bindings: ["w", "kept", "dense"],
  };
}

const EXPAND: Program = { name: "expand kept columns", source: expand, access: ["read", "read", "read_write"] };
