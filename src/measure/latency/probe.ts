/** Makes a network of one layer, to be timed in place of a network's own with other channels. */
import type { Gpu } from "../../gpu/gpu.ts";
import { type Builder, builder } from "../../graph/build.ts";
import { initialise } from "../../graph/initialise.ts";
import { compilePlan } from "../../graph/plan.ts";
import type { Graph } from "../../graph/types.ts";
import { images } from "../session/rows.ts";
import type { ProbeShape } from "./steps.ts";

/** Names the node of a probe that is timed. */
export const LAYER = "layer";

export interface Probe {
  /** Records the layer alone, as a plan runs it. */
  readonly record: () => void;
  dispose(): void;
}

export function openProbe(gpu: Gpu, shape: ProbeShape, input: number, output: number, batch: number): Probe {
  const graph = probeGraph(shape, input, output);
  const model = { graph, params: initialise(graph, 1) };
  const plan = compilePlan(gpu, model, batch);
  try {
    const x = images(gpu, model, batch);
    const { record } = plan.parts(x).find(({ step }) => step.node.name === LAYER)!;
    return {
      record,
      dispose() {
        x.dispose();
        plan.dispose();
      },
    };
  } catch (error) {
    plan.dispose();
    throw error;
  }
}

/** Makes the layer and, before it, where it adds something, a value of the shape that it makes. */
export function probeGraph(probe: ProbeShape, input: number, output: number): Graph {
  const { extent, conv, residual, activation } = probe;
  const b = builder("probe", conv ? ["N", input, ...extent] : ["N", ...extent, input]);
  const size = made(probe, input, output);
  const other = residual ? fitted(b, size) : undefined;
  let y = layer(b, probe, output);
  if (other !== undefined) y = b.add(y, other, "sum");
  if (activation !== "none") y = activation === "relu" ? b.relu(y) : b.relu6(y);
  return b.graph([y]);
}

function layer(b: Builder, { extent, conv, groups, regions, bias }: ProbeShape, out: number): string {
  if (!conv) {
    const options = { name: LAYER, out, bias };
    return extent.length === 0 ? b.gemm(b.input, options) : b.linear(b.input, options);
  }
  const { kernel, strides: stride, pads: pad, dilations: dilation, group } = conv;
  const inGroups = groups.kind === "thin" ? b.channels(b.input) / groups.inputs : group;
  const shape = { name: LAYER, out, kernel, stride, pad, dilation, group: inGroups };
  if (regions) return b.regionConv(b.input, { ...shape, ...regions });
  return b.conv(b.input, { ...shape, bias });
}

/** Gives the shape of what the layer makes of one image. */
function made(probe: ProbeShape, input: number, output: number): readonly number[] {
  const { extent, conv } = probe;
  const b = builder("size", conv ? ["N", input, ...extent] : ["N", ...extent, input]);
  return b.shape(layer(b, { ...probe, bias: false }, output)).slice(1) as number[];
}

/** Gives the input, cut and filled up with zeros to this size. */
function fitted(b: Builder, size: readonly number[]): string {
  const given = b.shape(b.input).slice(1) as number[];
  const cut = given.flatMap((length, i) => length > size[i] ? [i] : []);
  let value = b.input;
  if (cut.length > 0) {
    value = b.slice(value, { axes: cut.map((i) => i + 1), starts: cut.map(() => 0), ends: cut.map((i) => size[i]) });
  }
  const missing = size.map((length, i) => Math.max(0, length - given[i]));
  if (missing.some((count) => count > 0)) value = b.pad(value, [0, ...size.map(() => 0)], [0, ...missing]);
  return value;
}
