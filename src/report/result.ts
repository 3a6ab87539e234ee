/** What a run came to, in three lines: accuracy, size, speed. */
import { accuracyOf, agreementWords, AMOUNT, compare, FAST, NO_LABELS } from "./build.ts";
import { searchWords } from "./device_search.ts";
import { bytes, count, milliseconds, percent, points, short } from "./format.ts";
import { intervalWords } from "./interval.ts";
import type { Report, Variant } from "./types.ts";

/** Each line with what it is about; speed is left out where nothing was timed. */
export function resultLines(report: Report): [string, string][] {
  const speed = speedOf(report);
  return [
    ["accuracy", accuracyLine(report)],
    ["size", sizeOf(report)],
    ...speed === "" ? [] : [["speed", speed] as [string, string]],
    ...report.search ? [["search", searchWords(report.search)] as [string, string]] : [],
  ];
}

function accuracyLine({ baseline, final, images }: Report): string {
  if (final.agreement) return `${NO_LABELS}; ${agreementWords(final.agreement)}`;
  const [before, after] = [accuracyOf(baseline).test, accuracyOf(final).test];
  const sure = images ? `; 95 % of such tests give ${intervalWords(after, images.test)}` : "";
  const of = images ? `of ${count(images.test)} test images` : "on the test images";
  return `${percent(after)} ${of}, ${points(after - before)} against ${percent(before)}${sure}`;
}

function sizeOf({ baseline, final, compression }: Report): string {
  const now = `${count(final.params)} parameters, ${short(final.macs)} MACs, ${bytes(final.bytes)}`;
  if (compression.params === 1 && compression.macs === 1) {
    const masked = compression.nonzero > 1 ? `${compare(compression.nonzero, AMOUNT, "non-zero parameters")}: ` : "";
    return masked + now;
  }
  const sizes = [compare(compression.params, AMOUNT, "parameters"), compare(compression.macs, AMOUNT, "MACs")];
  return `${sizes.join(", ")}: ${now}, from ${count(baseline.params)}, ${short(baseline.macs)}, ${
    bytes(baseline.bytes)
  }`;
}

function speedOf({ latency, speedup }: Report): string {
  return speedup.map(({ batch, ratio }) => {
    const ms = (variant: Variant) =>
      latency.find((entry) => entry.batch === batch && entry.variant === variant)?.medianMs;
    const [before, after] = [ms("dense"), ms("compact")];
    const told = before === undefined || after === undefined
      ? ""
      : ` (${milliseconds(after)} ms, from ${milliseconds(before)})`;
    return compare(ratio, FAST, `at batch ${batch}`) + told;
  }).join(", ");
}
