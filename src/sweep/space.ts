/** What varies in a sweep, and over which values. */
import { UserError } from "../errors.ts";
import type { Choices, Value } from "./trial.ts";

/** One thing that varies. Ranges hold both of their ends. */
export type Dimension =
  /** Any of these, in no order. */
  | { readonly kind: "choice"; readonly values: readonly Value[] }
  /** from, from + step, … up to `to`. With `scale` "log" it is drawn evenly in the logarithm. */
  | {
    readonly kind: "integer";
    readonly from: number;
    readonly to: number;
    readonly step: number;
    readonly scale: Scale;
  }
  | { readonly kind: "real"; readonly from: number; readonly to: number; readonly scale: Scale };

export type Scale = "linear" | "log";

/** By name, in the order of the sweep's file. */
export type Space = Readonly<Record<string, Dimension>>;

/** Everything that varies but ranges of real numbers: what has a first value, a second one and so on. */
export type Listed = Exclude<Dimension, { readonly kind: "real" }>;

/** How many values there are: Infinity in a range of real numbers. */
export function countOf(dimension: Dimension): number {
  if (dimension.kind === "choice") return dimension.values.length;
  return dimension.kind === "real" ? Infinity : Math.floor((dimension.to - dimension.from) / dimension.step) + 1;
}

/** Value number `index`, from 0 on. Ranges may be long, so they are never written out. */
export function nthValue(dimension: Listed, index: number): Value {
  return dimension.kind === "choice" ? dimension.values[index] : dimension.from + index * dimension.step;
}

/** How many different choices there are: Infinity with a range of real numbers. */
export function sizeOf(space: Space): number {
  return Object.values(space).reduce((product, dimension) => product * countOf(dimension), 1);
}

/**
 * Number `index` of all choices, the last name varying fastest.
 * @throws UserError for a range of real numbers, which has no end of values
 */
export function cellOf(space: Space, index: number): Choices {
  const chosen: [string, Value][] = [];
  let rest = index;
  for (const [name, dimension] of Object.entries(space).reverse()) {
    if (dimension.kind === "real") {
      throw new UserError(`${name}: a grid has no end of values in a range of real numbers: list some`);
    }
    const count = countOf(dimension);
    chosen.push([name, nthValue(dimension, rest % count)]);
    rest = Math.floor(rest / count);
  }
  return Object.fromEntries(chosen.reverse());
}

/** The value at `u` in [0, 1) of the dimension, every value as likely as its share of `u`. */
export function valueAt(dimension: Dimension, u: number): Value {
  if (dimension.kind === "real") return between(dimension, u);
  const count = countOf(dimension);
  if (dimension.kind === "choice" || dimension.scale === "linear") return nthValue(dimension, Math.floor(u * count));
  // Every integer stands for the numbers that round to it.
  const { from, to, step } = dimension;
  const half = step / 2;
  const at = between({ from: Math.max(from - half, from / 2), to: to + half, scale: "log" }, u);
  return Math.min(count - 1, Math.max(0, Math.round((at - from) / step))) * step + from;
}

/** Where a value lies in its dimension, in [0, 1]; of a choice, its index over the last one's. The inverse of `valueAt` for reals. */
export function positionOf(dimension: Dimension, value: Value): number {
  if (dimension.kind === "choice") {
    return Math.max(0, dimension.values.indexOf(value)) / Math.max(1, dimension.values.length - 1);
  }
  const { from, to, scale } = dimension;
  const number = value as number;
  if (from === to) return 0;
  return scale === "log" ? Math.log(number / from) / Math.log(to / from) : (number - from) / (to - from);
}

function between({ from, to, scale }: { from: number; to: number; scale: Scale }, u: number): number {
  return scale === "log" ? from * (to / from) ** u : from + (to - from) * u;
}
