/** Says where pruning on would save most time for what it costs in accuracy. It is pure. */
import type { Losses, WidthTimes } from "./types.ts";
import { isLess } from "./width_steps.ts";

/** Groups of one layer that could go. */
export interface NextToPrune {
  readonly name: string;
  readonly layers: readonly string[];
  readonly batch: number;
  readonly from: number;
  readonly to: number;
  /** The network would take so much less. */
  readonly savedMs: number;
  /** Accuracy that is lost without any training, a fraction; it is below 0 where accuracy rises. */
  readonly lost: number;
  /** savedMs for each lost point of accuracy, the loss counted as one image at least. */
  readonly msPerPoint: number;
}

/**
 * For each layer, batch size and smaller width whose time and accuracy are both known,
 *
 *     savedMs / (100 · max(lost, 1 / images))
 *
 * for one image more or less can't be told from none. Only what saves time beyond chance is listed, one width for each
 * layer and batch size: by batch size, whose ms can't be compared, and the highest first.
 */
export function nextToPrune(widths: readonly WidthTimes[], { images, accuracy, layers }: Losses): NextToPrune[] {
  const points = new Map(layers.map(({ name, points }) => [name, points]));
  const best = widths.flatMap(({ name, layers, batch, groups, times }) => {
    const now = times.find((time) => time.groups === groups);
    const found = (points.get(name) ?? []).flatMap((point): NextToPrune[] => {
      const time = times.find((time) => time.groups === point.keep);
      if (!now || !time || point.keep >= groups || !isLess(time, now)) return [];
      const savedMs = now.ms - time.ms;
      const lost = accuracy - point.accuracy;
      const msPerPoint = savedMs / (100 * Math.max(lost, 1 / images));
      return [{ name, layers, batch, from: groups, to: point.keep, savedMs, lost, msPerPoint }];
    });
    return found.sort((a, b) => b.msPerPoint - a.msPerPoint).slice(0, 1);
  });
  return best.sort((a, b) => a.batch - b.batch || b.msPerPoint - a.msPerPoint);
}
