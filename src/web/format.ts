/** Numbers as the page shows them: as everywhere, and no unit is ever parted from its number by the end of a line. */
import * as format from "../report/format.ts";

export const bytes = unbroken(format.bytes);
export const count = unbroken(format.count);
export const duration = unbroken(format.duration);
export const milliseconds = unbroken(format.milliseconds);
export const milliSpread = unbroken(format.milliSpread);
export const percent = unbroken(format.percent);
export const plain = unbroken(format.plain);
export const points = unbroken(format.points);
export const short = unbroken(format.short);
export const times = unbroken(format.times);

/** Keeps units at their numbers in a sentence that was made elsewhere. */
export function solid(sentence: string): string {
  return sentence.replace(
    /(\d|×|±) (?=(±|\d|%|[kMGT]?B\b|[kMGT]\b|ms\b|s\b|min\b|h\b|GFLOP\/s|GB\/s|MACs\b))/g,
    "$1\u00a0",
  );
}

function unbroken<A extends unknown[]>(form: (...args: A) => string): (...args: A) => string {
  return (...args) => form(...args).replaceAll(" ", "\u00a0");
}
