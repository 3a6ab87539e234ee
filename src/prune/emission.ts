/** What the writers of a compact network share: where nodes and parameters go, and what stays of the old ones. */

import type { IndexMapEntry, Node, ParamSpec } from "../graph/types.ts";
import type { WeighedAnatomy } from "./anatomy.ts";
import type { Constants } from "./constants.ts";

export interface Emission {
  readonly anatomy: WeighedAnatomy;
  readonly known: Constants;
  /** Turn convolutions with all-zero columns into ColumnConvs? */
  readonly columns: boolean;
  /** Channels of a value that stay, ascending. */
  kept(value: string): readonly number[];
  /** The name under which a value of the old graph is found in the new one. */
  resolve(value: string): string;
  node(node: Node): void;
  /** The made value is another one under a new name. */
  alias(made: string, value: string): void;
  param(name: string, spec: ParamSpec, data: Float64Array, origin?: IndexMapEntry): string;
  /** Cuts axis 0 of a parameter. */
  cut(name: string, keep: readonly number[]): string;
  fresh(base: string): string;
}

/** null for "all of them", as index maps say it. */
export function allOr(keep: readonly number[], count: number): readonly number[] | null {
  return keep.length === count ? null : keep;
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
