import type { MergeGoal } from "../../depth/merge/plan.ts";
import type { MergeStage } from "../registry.ts";

/** What a stage's `layers` stands for. */
export const GOALS: Readonly<Record<MergeStage["layers"], MergeGoal>> = { fewest: "fewest macs", one: "one" };
