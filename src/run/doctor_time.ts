/** Says which runs are examined when they end, and about how long that takes. It is pure. */
import type { MeasureStage } from "../recipe/registry.ts";

/** A recipe that measures for less wants no numbers. */
const LEAST_SECONDS = 0.2;
/** A run spends so many times what it measures each network for on other widths. */
const WIDTHS = 5;
/** Roofs and losses, and the steps at one batch size, take about so many seconds. */
const ROOFS_SECONDS = 4, STEPS_SECONDS = 2;

/** Whether a run says in its report why its network is as fast as it is. */
export function isExamined({ seconds, variants }: Pick<MeasureStage, "seconds" | "variants">): boolean {
  return seconds >= LEAST_SECONDS && variants.includes("dense") && variants.includes("compact");
}

/** How long is spent on other widths. */
export function widthSeconds({ seconds }: Pick<MeasureStage, "seconds">): number {
  return WIDTHS * seconds;
}

/** About how long all of it takes. */
export function examinedSeconds(stage: Pick<MeasureStage, "seconds" | "batches">): number {
  return ROOFS_SECONDS + STEPS_SECONDS * stage.batches.length + widthSeconds(stage);
}
