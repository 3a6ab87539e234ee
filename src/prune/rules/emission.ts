/** What the writers of a compact network share: where nodes and parameters go, and what stays of the old ones. */

import type { Attrs, HostTensor, Node, Origin, Params, ParamSpec, Shape } from "../../graph/types.ts";
import { range } from "./operands.ts";
import type { Constants, NumberedModel } from "./types.ts";

/** What a parameter is made from: float64 where something is computed, the source's own numbers where they are only cut. */
export type Numbers = Float64Array | HostTensor["data"];

export interface Emission {
  /** The network as it was. */
  readonly numbered: NumberedModel;
  readonly known: Constants;
  /** Channels of a value that stay, ascending. */
  kept(value: string): readonly number[];
  node(node: Node): void;
  /** Writes a node of the old graph, with its parameters cut to the channels that it still makes. */
  keepNode(node: Node, attrs?: Attrs): void;
  /** The made value is another one under a new name. */
  alias(made: string, value: string): void;
  param(name: string, spec: ParamSpec, data: Numbers, origin?: Origin): string;
  /** Leaves these entries along an axis of a parameter, 0 unless told; null: all. */
  cut(name: string, keep: readonly number[] | null, axis?: number): string;
  fresh(base: string): string;
  /** Value -> what it lacks per kept channel, because the node that alone reads it takes it over (`takesPendingBias`). */
  readonly pendingBias: Map<string, Float64Array>;
}

/** made = value + a number per channel: in a table's one region over images, else along the channels' axis. */
export function emitShift(
  e: Emission,
  name: string,
  value: string,
  made: string,
  shift: Float64Array,
  shape: Shape,
  axis: number,
): void {
  const image = shape.length === 4 && axis === 1;
  if (image) {
    const table = e.param(e.fresh(`${name}.table`), { role: "table", shape: [shift.length, 1, 1] }, shift);
    const [rows, cols] = [shape[2], shape[3]].map((size) => range(size as number).map(() => 0));
    return e.node({ name, op: "BorderBias", inputs: [value, table], outputs: [made], attrs: { rows, cols } });
  }
  const spread = shape.map((_, i) => i === axis ? shift.length : 1);
  const bias = e.param(e.fresh(`${name}.bias`), { role: "bias", shape: spread }, shift);
  e.node({ name, op: "Add", inputs: [value, bias], outputs: [made], attrs: {} });
}

/** null for "all of them", as index maps say it. */
export function allOr(keep: readonly number[], count: number): readonly number[] | null {
  return keep.length === count ? null : keep;
}

/** Rounds once, to the precision of the model (tests widen theirs to float64). */
export function inPrecisionOf(params: Params, shape: readonly number[], data: Numbers): HostTensor {
  const [first] = params.values();
  const same = data instanceof Float32Array || first.data as unknown instanceof Float64Array;
  return { shape, data: same ? data as unknown as HostTensor["data"] : new Float32Array(data) };
}
