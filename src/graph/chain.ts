/** The launch of what follows a layer in a row, with its numbers. Pure. */
import { type ChannelAffine, packAffine, planChannelAffine } from "../../kernels/pointwise/channel_affine.ts";
import type { Plan } from "../gpu/types.ts";
import { elements } from "../tensor/tensor.ts";
import { borderBiasAttrs } from "./attrs.ts";
import type { Chain } from "./fuse.ts";
import { opOf } from "./ops/ops.ts";
import type { HostTensor, Node } from "./types.ts";

/** A dispatch with the bindings x, map, affine and y. */
export interface ChainLaunch {
  readonly plan: Plan;
  /** Biases of a border, for each number of a sample. */
  readonly map?: Float32Array<ArrayBuffer>;
  readonly affine?: Float32Array<ArrayBuffer>;
}

/** @param shape of what the chain reads, and makes */
export function planChain(
  { border, activation, norm }: Chain,
  shape: readonly number[],
  host: (name: string) => HostTensor,
): ChainLaunch {
  const { axis } = norm ?? { axis: 1 };
  const over = {
    outer: elements(shape.slice(0, axis)),
    channels: shape[axis],
    inner: elements(shape.slice(axis + 1)),
  };
  const kinds: ChannelAffine = { map: border ? "add" : "none", activation, affine: norm ? "apply" : "none" };
  return {
    plan: planChannelAffine(over, kinds),
    map: border && borderMap(border, host(border.inputs[1])),
    affine: norm && packAffine(over, kinds, runningAffine(norm.node, host)),
  };
}

/** The table [C,R,Q] as a bias for each pixel, [C,H,W]: a kernel then needs no indices. */
function borderMap(
  border: Node,
  { shape: [channels, rowCount, colCount], data }: HostTensor,
): Float32Array<ArrayBuffer> {
  const { rows, cols } = borderBiasAttrs(border);
  const pixels = rows.length * cols.length;
  return Float32Array.from({ length: channels * pixels }, (_, i) => {
    const row = rows[Math.floor(i % pixels / cols.length)], col = cols[i % cols.length];
    return data[(Math.floor(i / pixels) * rowCount + row) * colCount + col];
  });
}

/** Scale and shift of each channel by a batch norm's running statistics. */
function runningAffine(norm: Node, host: (name: string) => HostTensor): { scale: Float64Array; shift: Float64Array } {
  const { inference } = opOf(norm);
  if (inference.kind !== "channel affine") throw new Error(`"${norm.name}" is no batch norm`);
  const { scale, centre, shift } = inference.affine(
    norm,
    norm.inputs.slice(1).map((name) => Float64Array.from(host(name).data)),
  );
  return { scale, shift: shift.map((t, c) => t - scale[c] * centre[c]) };
}
