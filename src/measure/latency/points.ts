/** Lists the points of a latency table: what is measured of which layer shape, and how it becomes the table. It is pure. */
import { UserError } from "../../errors.ts";
import type { Graph, Model } from "../../graph/types.ts";
import { type Fineness, type Grid, gridOf, pointsOf, type ShapeGroup, shapeGroups } from "./grid.ts";
import { graphSteps, type LayerStep, type RestStep, type TableStep, tableSteps } from "./steps.ts";
import type { LatencyLayer } from "./types.ts";

/** Finds the model's steps, the layer shapes of all networks, and what only changed ones have (`addedSteps`). */
export function toMeasure(model: Model, also: readonly Pick<Model, "graph">[], name: string) {
  const steps = tableSteps(model);
  const others = also.map(({ graph }) => ({ graph, steps: graphSteps(graph) }));
  const layers = [steps, ...others.map(({ steps }) => steps)].flat().filter((step) => step.kind === "layer");
  const added = addedSteps(steps, others);
  // A layer that stays as it is in another network is measured once.
  const distinct = new Map(
    layers.map((step) => [`${step.name} ${step.shape} ${pointKey(step.input, step.output)}`, step]),
  );
  const groups = shapeGroups([...distinct.values()]);
  if (groups.length === 0) throw new UserError(`"${name}" has no layers: there is nothing to make a table of`);
  return { steps, added, groups };
}

/** Gives for each operator without a weight that only changed networks have the step that reads and makes most. */
function addedSteps(
  own: readonly TableStep[],
  others: readonly { readonly graph: Graph; readonly steps: readonly TableStep[] }[],
): { readonly graph: Graph; readonly step: RestStep }[] {
  const known = new Set(own.flatMap((step) => step.kind === "rest" ? [step.op] : []));
  const largest = new Map<string, { readonly graph: Graph; readonly step: RestStep }>();
  for (const { graph, steps } of others) {
    for (const step of steps) {
      if (step.kind !== "rest" || known.has(step.op)) continue;
      if (step.traffic > (largest.get(step.op)?.step.traffic ?? 0)) largest.set(step.op, { graph, step });
    }
  }
  return [...largest.values()];
}

/** Counts the points of all groups. */
export function countPoints(groups: readonly ShapeGroup[], fineness: Fineness): number {
  return groups.reduce((sum, group) => sum + pointsOf(gridOf(group, fineness)), 0);
}

/** Puts a group's times into the grid; `measured` has them by `pointKey`. */
export function latencyLayer(
  { step, layers }: ShapeGroup,
  grid: Grid,
  measured: ReadonlyMap<string, number>,
): LatencyLayer {
  const rows = grid.inputs.map((input) =>
    pairs({ ...grid, inputs: [input] }, step).map(([i, o]) => measured.get(pointKey(i, o))!)
  );
  return { shape: step.shape, layers, ...grid, medianMs: rows };
}

/** Lists all [input, output] of a grid. */
export function pairs({ inputs, outputs }: Grid, { probe: { groups } }: LayerStep): [number, number][] {
  return inputs.flatMap((input) =>
    groups.kind === "thin"
      ? [[input, input / groups.inputs * groups.outputs] as [number, number]]
      : outputs.map((output) => [input, output] as [number, number])
  );
}

/** Names a point of a group. */
export function pointKey(input: number, output: number): string {
  return `${input} ${output}`;
}
