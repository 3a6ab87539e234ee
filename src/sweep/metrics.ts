/** The numbers that trials are compared by, and where they come from. */
import { UserError } from "../errors.ts";
import type { Recipe } from "../recipe/schema.ts";
import type { Point, Report } from "../report/types.ts";
import { suggest } from "../validation/names.ts";
import type { Constraint, Objective } from "./objective.ts";
import type { Metrics } from "./trial.ts";

/** What each metric is, in which unit. */
export const METRICS = {
  accuracy: "on the validation images, 0…1: what a sweep may choose by",
  testAccuracy: "on the test images, 0…1: to report, not to choose by",
  outputLoss: "of images without labels: how far the outputs are from the dense network's",
  params: "numbers physically stored",
  nonzero: "numbers that are not 0",
  macs: "multiply-adds of one input",
  bytes: "of the weights, with what says where they belong",
  peakBytes: "activations in use at once for one input",
  ms: "of the smallest batch of the stage measure, on the sweep's adapter, the compact network",
  tableMs: "by the latency table of the recipe's device, where a budget is in ms",
} as const;

export type Metric = keyof typeof METRICS;

/** Metrics that are measured times: of two equal jobs they are near each other, and not the same. */
export const TIMES: readonly Metric[] = ["ms"];

/** Metrics that are known at a trial's end alone, and not on a pruner's rungs. */
const OF_THE_END: readonly string[] = ["ms", "tableMs"] satisfies Metric[];

/** Whether trials can be compared by one of them before they have come to their end. */
export function someOnRungs(objectives: readonly Objective[]): boolean {
  return objectives.some(({ metric }) => !OF_THE_END.includes(metric));
}

export function metricsOf(point: Point): Metrics {
  const { accuracy, agreement, params, nonzero, macs, bytes, peakBytes } = point;
  return {
    ...accuracy && { accuracy: accuracy.validation, testAccuracy: accuracy.test },
    ...agreement && { outputLoss: agreement.outputLoss },
    params,
    nonzero,
    macs,
    bytes,
    ...peakBytes !== undefined && { peakBytes },
  };
}

/** Of a finished run. */
export function finalMetrics({ final, latency, achieved }: Report): Metrics {
  const compact = latency.filter(({ variant }) => variant === "compact").sort((a, b) => a.batch - b.batch)[0];
  return {
    ...metricsOf(final),
    ...compact && { ms: compact.medianMs },
    ...achieved.ms !== undefined && { tableMs: achieved.ms },
  };
}

/** @throws UserError for a metric that there isn't, or that no stage of the recipe produces */
export function requireProduced(
  what: "objective" | "constraint",
  wishes: readonly { readonly metric: string }[],
  recipe: Recipe,
): void {
  for (const { metric } of wishes) {
    if (!Object.hasOwn(METRICS, metric)) {
      throw new UserError(`${what} ${metric}: no such metric${suggest(metric, Object.keys(METRICS))}`);
    }
    const why = lacks(metric as Metric, recipe);
    if (why) throw new UserError(`${what} ${metric}: no stage of the recipe ${recipe.name} produces it: ${why}`);
  }
}

/** What every trial's network will have been measured to have, where a stage or the data give it. */
export function producedMetrics(recipe: Recipe): Metric[] {
  return (Object.keys(METRICS) as Metric[]).filter((metric) => lacks(metric, recipe) === undefined);
}

/** @throws UserError for a bound that no network keeps */
export function requireReachable(constraints: readonly Constraint[]): void {
  for (const { metric, relation, value } of constraints) {
    const isShare = metric === "accuracy" || metric === "testAccuracy";
    if (relation === "<=" ? value >= 0 : !isShare || value <= 1) continue;
    const percent = isShare && value > 1 && value <= 100 ? `; ${value} % is ${value / 100}` : "";
    throw new UserError(
      `constraint ${metric} ${relation} ${value}: no network keeps it: ${metric} is ${
        isShare ? "from 0 to 1" : "at least 0"
      }${percent}`,
    );
  }
}

function lacks(metric: Metric, { stages, data, device }: Recipe): string | undefined {
  const timed = stages.some(({ kind, ...stage }) =>
    kind === "measure" && (stage as { variants?: string[] }).variants?.includes("compact")
  );
  const inMs = stages.some((stage) => "budget" in stage && stage.budget?.ms !== undefined);
  if (metric === "ms" && !timed) return "add one of kind measure";
  if (metric === "tableMs" && !(inMs && device)) return "give a prune stage a budget in ms, and a device";
  if (metric === "outputLoss" && data.labels !== "ignore") {
    return "it is of images without labels (data.labels: ignore)";
  }
  if ((metric === "accuracy" || metric === "testAccuracy") && data.labels === "ignore") {
    return "its data have no labels";
  }
}
