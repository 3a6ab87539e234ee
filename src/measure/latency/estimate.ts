/**
 * Estimates what a network takes, from a table and without a device: the sum over the steps of its plan, layers by
 * interpolation over their channels. It is pure. A layer that was removed costs nothing.
 */
import { UserError } from "../../errors.ts";
import type { Graph, Model } from "../../graph/types.ts";
import { monotone } from "./monotone.ts";
import { graphSteps, type LayerStep, type RestStep, withoutSum, withSum } from "./steps.ts";
import type { LatencyLayer, LatencyTable } from "./types.ts";

/** Gives the ms of one run of the table's batch; throws a UserError for a network whose layers aren't in the table. */
export type Estimate = (model: Pick<Model, "graph">) => number;

/**
 * Gives the ms of one run of the table's batch, by the node that each step of the plan is for; throws as `Estimate`
 * does.
 */
export type StepEstimate = (graph: Graph) => ReadonlyMap<string, number>;

/**
 * Estimates by `table`. Times are made monotone first, so that noise rewards no wider layer. A width below the grid's
 * least costs as much as that; one above its largest is refused. What isn't in the table by its name but has no weight
 * (a bias over regions that compaction adds, say) costs what its operator costs elsewhere, by what it reads and makes.
 */
export function latencyEstimate(table: LatencyTable): Estimate {
  const steps = stepEstimate(table);
  return ({ graph }) => steps(graph).values().reduce((sum, ms) => sum + ms, 0);
}

/** Gives the parts of that sum. */
export function stepEstimate(table: LatencyTable): StepEstimate {
  const layers = table.layers.map((layer) => ({ ...layer, medianMs: monotone(layer.medianMs) }));
  const rest = restTimes(table);
  return (graph) =>
    new Map(
      graphSteps(graph).map((step) => [
        step.name,
        step.kind === "rest" ? rest(step) : interpolate(layerFor(step, layers, table), step.input, step.output),
      ]),
    );
}

/** Says why the table can't price this model, or undefined where it can. */
export function unfitTable(table: LatencyTable, model: Pick<Model, "graph">): string | undefined {
  try {
    latencyEstimate(table)(model);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

/** Gives the grid that was made for this layer, else the smallest that holds it. */
function layerFor(step: LayerStep, layers: readonly LatencyLayer[], { model, batch }: LatencyTable): LatencyLayer {
  const holds = ({ inputs, outputs }: LatencyLayer) =>
    step.input <= inputs[inputs.length - 1] && (outputs.length === 0 || step.output <= outputs[outputs.length - 1]);
  // A sum may go with what it added, or another layer take it over: it is the small part of a layer's time.
  for (const shape of [step.shape, withoutSum(step.shape), withSum(step.shape)]) {
    const found = layers.filter((layer) => layer.shape === shape && holds(layer));
    if (found.length === 0) continue;
    return found.find(({ layers }) => layers.includes(step.name)) ?? found.reduce((a, b) => area(b) < area(a) ? b : a);
  }
  const known = layers.filter(({ shape }) => shape === step.shape);
  const widest = known.map(({ inputs, outputs }) => [inputs, outputs].map((axis) => axis.at(-1) ?? "any").join(" → "));
  throw new UserError(
    `layer "${step.name}" (${step.shape}, ${step.input} → ${step.output}) isn't in the latency table of "${model}" at ` +
      `batch ${batch}${
        widest.length > 0 ? `, which goes to ${widest.join(" and ")} there` : ""
      }: build a table of this ` +
      `very network`,
  );
}

function area({ inputs, outputs }: LatencyLayer): number {
  return inputs[inputs.length - 1] * (outputs.at(-1) ?? 1);
}

/** Interpolates bilinearly, which is exact for times a + b·i + c·o + d·i·o, which is what a layer's work is. */
function interpolate({ inputs, outputs, medianMs }: LatencyLayer, input: number, output: number): number {
  const [i, di] = place(inputs, input);
  const along = (o: number) => medianMs[i][o] + di * ((medianMs[i + 1] ?? medianMs[i])[o] - medianMs[i][o]);
  if (outputs.length === 0) return along(0);
  const [o, dO] = place(outputs, output);
  return along(o) + (dO === 0 ? 0 : dO * (along(o + 1) - along(o)));
}

/**
 * Says between which two points it lies, and how far from the first to the second; it is the first where it is below
 * all.
 */
function place(axis: readonly number[], at: number): [number, number] {
  if (at <= axis[0]) return [0, 0];
  const next = axis.findIndex((width) => width >= at);
  return [next - 1, (at - axis[next - 1]) / (axis[next] - axis[next - 1])];
}

/** Times a step as a launch, and beyond it as much as is read and made. */
function restTimes({ rest, launchMs }: LatencyTable): (step: RestStep) => number {
  const rate = (entries: LatencyTable["rest"]) => {
    const traffic = entries.reduce((sum, entry) => sum + entry.traffic, 0);
    const ms = entries.reduce((sum, entry) => sum + Math.max(0, entry.medianMs - launchMs), 0);
    return traffic > 0 ? ms / traffic : undefined;
  };
  return ({ name, op, traffic }) => {
    const alike = rest.filter((entry) => entry.op === op);
    const own = alike.filter((entry) => entry.name === name);
    return launchMs + traffic * (rate(own) ?? rate(alike) ?? rate(rest) ?? 0);
  };
}
