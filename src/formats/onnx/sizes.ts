/** Sizes of a file's values, in which the batch is a symbol: alone, or times a number where it shares an axis with others. */

/** A number, the batch, or a multiple of it: "12N" where tokens or heads of all samples stand along one axis. */
export type Size = number | "N" | `${number}N`;

/** How many times the batch a size is; undefined for a number. */
export function batchesIn(size: Size): number | undefined {
  if (typeof size === "number") return undefined;
  return size === "N" ? 1 : Number(size.slice(0, -1));
}

export function ofBatches(times: number): Size {
  return times === 1 ? "N" : `${times}N`;
}

/** Undefined where both hold the batch, or what comes out is no size. */
export function productOf(a: Size, b: Size): Size | undefined {
  const [n, m] = [batchesIn(a), batchesIn(b)];
  const times = n === undefined ? Number(a) : m === undefined ? Number(b) : NaN;
  if (n === undefined && m === undefined) return Number(a) * Number(b);
  if (times === 0) return 0;
  return times > 0 ? ofBatches((n ?? m)! * times) : undefined;
}

/** Undefined where the quotient is no whole size, of numbers too. */
export function quotientOf(a: Size, b: Size): Size | undefined {
  const [n, m] = [batchesIn(a), batchesIn(b)];
  const quotient = (n ?? Number(a)) / (m ?? Number(b));
  if (!Number.isInteger(quotient) || (m !== undefined && n === undefined)) return undefined;
  return n !== undefined && m === undefined ? ofBatches(quotient) : quotient;
}
