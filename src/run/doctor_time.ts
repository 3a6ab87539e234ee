/** Says which runs are examined when they end, and about how long that takes. It is pure. */
import type { MeasureStage } from "../recipe/registry.ts";

/** A recipe that measures for less wants no numbers. */
const LEAST_SECONDS = 0.2;
/** A run spends so many times what it measures each network for on other widths. */
const WIDTHS = 5;
/** Roofs and losses, and the steps at one batch size, take about so many seconds. */
const ROOFS_SECONDS = 4, STEPS_SECONDS = 2;
/**
 * Nobody waits for a diagnosis much longer than for what it is of: it takes this part of the time that the run took, and
 * so many seconds at least, in which roofs and a few rounds of the steps have their place.
 */
export const EXAMINED_SHARE = { of: 0.1, least: 5 };

/** Whether a run says in its report why its network is as fast as it is. */
export function isExamined({ seconds, variants }: Pick<MeasureStage, "seconds" | "variants">): boolean {
  return seconds >= LEAST_SECONDS && variants.includes("dense") && variants.includes("compact");
}

/** How long is spent on other widths at most. */
export function widthSeconds({ seconds }: Pick<MeasureStage, "seconds">): number {
  return WIDTHS * seconds;
}

/** About how long all of it takes where nobody is in a hurry. */
export function examinedSeconds(stage: Pick<MeasureStage, "seconds" | "batches">): number {
  return ROOFS_SECONDS + STEPS_SECONDS * stage.batches.length + widthSeconds(stage);
}

/** min(`most`, max(`least`, `of` · `ranSeconds`)) */
export function sharedSeconds(most: number, { of, least }: typeof EXAMINED_SHARE, ranSeconds: number): number {
  return Math.min(most, Math.max(least, of * ranSeconds));
}
