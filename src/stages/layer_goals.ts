import type { MergeFormOptions } from "../depth/merge/plan_form.ts";
import type { MergeStage } from "../recipe/registry.ts";

/** What a merge stage's `layers` stands for. */
export const GOALS = { auto: "fastest", fewest: "fewest macs", one: "one" } as const satisfies Readonly<
  Record<MergeStage["layers"], MergeFormOptions["layers"]>
>;
