/** What of a report follows from the rest of it. */
import { count, percent, plain, points, times } from "./format.ts";
import type { Accuracy, Agreement, Latency, Point, Report } from "./types.ts";

/** A report without what can be computed from it. */
export type Findings = Omit<Report, "version" | "compression" | "speedup">;

/** Completes the findings of a run to its report. */
export function buildReport(findings: Findings): Report {
  return {
    version: 1,
    ...findings,
    compression: compression(findings.baseline, findings.final),
    speedup: speedups(findings.latency),
  };
}

/** How many times smaller `final` is than `baseline`. An empty network counts as one of size 1, so that JSON can tell it. */
export function compression(baseline: Point, final: Point): Report["compression"] {
  const ratio = (key: "params" | "nonzero" | "macs") => baseline[key] / Math.max(1, final[key]);
  return { params: ratio("params"), nonzero: ratio("nonzero"), macs: ratio("macs") };
}

/** dense / compact, medians, for each batch that both were measured at, smallest batch first. */
export function speedups(latency: readonly Latency[]): Report["speedup"] {
  const batches = [...new Set(latency.map(({ batch }) => batch))].sort((a, b) => a - b);
  return batches.flatMap((batch) => {
    const dense = latency.find((entry) => entry.batch === batch && entry.variant === "dense");
    const compact = latency.find((entry) => entry.batch === batch && entry.variant === "compact");
    return dense && compact && compact.medianMs > 0 ? [{ batch, ratio: dense.medianMs / compact.medianMs }] : [];
  });
}

/** The speed-up at the largest batch: the one least drowned in fixed costs. */
export function largestBatch(speedup: Report["speedup"]): Report["speedup"][number] | undefined {
  return speedup.reduce<Report["speedup"][number] | undefined>(
    (best, entry) => best === undefined || entry.batch > best.batch ? entry : best,
    undefined,
  );
}

/** What every report says instead of an accuracy where nobody has told what the images show. */
export const NO_LABELS = "no accuracy was measured: the images have no labels";

/** Of a run whose images have labels. @throws Error where they have none: whoever asks has to have made sure */
export function accuracyOf({ name, accuracy }: Point): Accuracy {
  if (!accuracy) throw new Error(`"${name}" has no accuracy`);
  return accuracy;
}

/** "the class of the dense network for 96.20 % of 150 images, outputs off by 0.021 of how much they vary" */
export function agreementWords({ images, sameClass, outputLoss }: Agreement): string {
  const off = `outputs off by ${plain(Number(outputLoss.toPrecision(3)))} of how much they vary`;
  return sameClass === undefined
    ? `${off}, on ${count(images)} images`
    : `the dense network's class for ${percent(sameClass)} of ${count(images)} images, ${off}`;
}

/** "12.3× fewer parameters, 5.10× fewer MACs, 3.20× faster at batch 256, −0.60 points test accuracy" */
export function headline({ baseline, final, compression, speedup }: Report): string {
  if (same(baseline, final)) {
    return `${final.accuracy ? `${percent(final.accuracy.test)} test accuracy` : NO_LABELS}, nothing pruned`;
  }
  const fastest = largestBatch(speedup);
  // Zeros that are still stored are all that a masked network has to show.
  const masked = compression.params === 1 && compression.nonzero > 1;
  return [
    compare(masked ? compression.nonzero : compression.params, AMOUNT, masked ? "non-zero parameters" : "parameters"),
    compare(compression.macs, AMOUNT, "MACs"),
    ...(fastest ? [compare(fastest.ratio, FAST, `at batch ${fastest.batch}`)] : []),
    final.agreement
      ? agreementWords(final.agreement)
      : `${points(accuracyOf(final).test - accuracyOf(baseline).test)} test accuracy`,
  ].join(", ");
}

/** The way from the baseline to the final network; neither is told twice. */
export function stagesOf({ baseline, stages, final }: Report): Point[] {
  const way = stages.some((stage) => same(stage, baseline)) ? [...stages] : [baseline, ...stages];
  return same(way[way.length - 1], final) ? way : [...way, final];
}

/** Adapters that compute on the CPU, whether or not they own up to it. */
export function isSoftware({ fallback, vendor, description }: Report["adapter"]): boolean {
  return fallback || /llvmpipe|lavapipe|swiftshader|software|basic render|\bcpu\b/i.test(`${vendor} ${description}`);
}

export const AMOUNT = ["fewer", "as many", "more"] as const;
export const FAST = ["faster", "as fast", "slower"] as const;

/** "12.3× fewer parameters", "as many MACs", "2.00× slower at batch 1": before ÷ after in words. */
export function compare(
  ratio: number,
  [better, equal, worse]: readonly [string, string, string],
  what: string,
): string {
  if (ratio === 1) return `${equal} ${what}`;
  return ratio > 1 ? `${times(ratio)} ${better} ${what}` : `${times(1 / ratio)} ${worse} ${what}`;
}

/** Whether two points tell the same, whatever they are called. */
function same(a: Point, b: Point): boolean {
  return a.params === b.params && a.macs === b.macs && a.nonzero === b.nonzero && a.bytes === b.bytes &&
    a.accuracy?.test === b.accuracy?.test && a.accuracy?.validation === b.accuracy?.validation &&
    a.agreement?.sameClass === b.agreement?.sameClass && a.agreement?.outputLoss === b.agreement?.outputLoss;
}

/**
 * What was reached of something that was asked for. Where zeros stay in place, `params` has beside what is stored what of it isn't 0: a
 * budget that leaves zeros counts those.
 */
export function reachedText({ achieved, untold = {} }: Pick<Report, "achieved" | "untold">, name: string): string {
  if (Object.hasOwn(untold, name)) return `can't be told: ${untold[name]}`;
  if (!Object.hasOwn(achieved, name)) return "can't be told";
  const [reached, nonzero] = [achieved[name], achieved.nonzero].map((amount) =>
    amount === undefined ? "" : plain(amount)
  );
  return name === "params" && achieved.nonzero < achieved.params && nonzero !== reached
    ? `${reached} with its zeros, ${nonzero} without`
    : reached;
}
