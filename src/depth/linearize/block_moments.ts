/** What a linear layer is fitted to: joint second moments of what it reads and of what it has to make, in one pass. */
import { pick } from "../../data/splits.ts";
import { UserError } from "../../errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { inferShapes } from "../../graph/infer.ts";
import { freshName, takenNames } from "../../graph/names.ts";
import { withoutUnneeded } from "../../graph/rewrite/needed_nodes.ts";
import type { HostTensor, Model, Node, ParamSpec, Shape } from "../../graph/types.ts";
import type { SecondMoments } from "../../train/evidence/evidence.ts";
import { gatherEvidence } from "../../train/evidence/gather_evidence.ts";
import type { TrainData } from "../../train/train.ts";
import { joined } from "./joined_networks.ts";
import type { LinearLayer, LinearPlan } from "./linear_plan.ts";

/** Of one block, on one part of the images. */
export interface BlockMoments {
  /**
   * Of rows [x, t, 1], one for each position that the layer makes: x are the taps of its window in the order of its weight
   * [filters, channels · KH · KW], t is what it has to make, the original value less the shortcut.
   */
  readonly joint: SecondMoments;
  /** Σ‖y − ȳ‖² of the original value y over the same rows. */
  readonly deviation: number;
}

export interface MomentsOptions {
  readonly gpu: Gpu;
  /** The network as it was: what the layers have to make is its. */
  readonly original: Model;
  /** The network whose values they read, and whose shortcuts they stand beside. */
  readonly replaced: Model;
  readonly plans: readonly LinearPlan[];
  /** Labels aren't looked at. */
  readonly images: TrainData;
  /** Images per pass; default 32. */
  readonly batch?: number;
  readonly signal?: AbortSignal;
}

/** For each plan the moments of the even images and of the odd ones, so that a fit can be tried on images it hasn't seen. */
export async function blockMoments(options: MomentsOptions): Promise<[BlockMoments, BlockMoments][]> {
  const { gpu, plans, images, batch = 32, signal } = options;
  if (images.count < 2) {
    throw new UserError(
      `data set "${images.name}": found ${images.count} images, expected two or more to fit layers on`,
    );
  }
  const { model, values } = watched(options);
  const data = { ...images, labels: images.labels ?? new Uint16Array(images.count) };
  const halves = [0, 1].map((first) =>
    pick(data, Uint32Array.from({ length: Math.floor((images.count - first + 1) / 2) }, (_, i) => 2 * i + first))
  );
  const [even, odd] = [await momentsOf(halves[0]), await momentsOf(halves[1])];
  return plans.map((_, i) => [even[i], odd[i]]);

  async function momentsOf(half: TrainData): Promise<BlockMoments[]> {
    const request = {
      covariances: values.map(({ joint }) => ({ value: joint })),
      activations: values.map(({ target, axis }) => ({ value: target, axis })),
    };
    const found = await gatherEvidence({ gpu, model, data: half, requests: [request], batch, signal });
    return values.map(({ joint, target }) => {
      const { count, mean, meanSquare } = found.activations.get(target)!;
      const deviation = meanSquare.reduce((sum, square, c) => sum + count * (square - mean[c] ** 2), 0);
      return { joint: found.covariances.get(joint)!, deviation };
    });
  }
}

/** Names of what is looked at for one plan: rows [x, t] along axis 1, and the original value with its channels' axis. */
interface Watched {
  readonly joint: string;
  readonly target: string;
  readonly axis: number;
}

/** Both networks as far as they are needed, with a value of rows [x, t] for each plan. */
function watched({ original, replaced, plans }: MomentsOptions): { model: Model; values: Watched[] } {
  const { model, other } = joined(original, replaced);
  const taken = takenNames(model.graph);
  const nodes: Node[] = [...model.graph.nodes];
  const specs: Record<string, ParamSpec> = { ...model.graph.params };
  const params = new Map<string, HostTensor>(model.params);
  const shapes = inferShapes(model.graph);
  const add = (op: Node["op"], inputs: readonly string[], attrs: Node["attrs"] = {}) => {
    const name = freshName(taken, "fit");
    nodes.push({ name, op, inputs, outputs: [name], attrs });
    return name;
  };
  const values = plans.map(({ layer, reads, target, skip }): Watched => {
    const x = other(reads);
    const made = skip === undefined ? target : add("Sub", [target, other(skip)]);
    const { length } = shapes.get(target)!;
    const attrs = { axis: 1 };
    if (layer.kind === "tokens") {
      const first = (value: string) => channelsFirst(shapes.get(value) ?? shapes.get(target)!, value, add);
      return { joint: add("Concat", [first(x), first(made)], attrs), target, axis: length - 1 };
    }
    return { joint: add("Concat", [taps(layer, x), made], attrs), target, axis: 1 };
  });
  const outputs = values.flatMap(({ joint, target }) => [joint, target]);
  const graph = { ...model.graph, nodes, params: specs, outputs };
  return { model: withoutUnneeded({ graph, params }), values };

  /** Each tap of the window as a channel, by a depthwise convolution whose filters have a single 1. */
  function taps(layer: Extract<LinearLayer, { kind: "conv" }>, x: string): string {
    const { channels, kernel, strides, pads, dilations } = layer;
    const size = kernel[0] * kernel[1];
    if (size === 1 && strides.every((stride) => stride === 1)) return x;
    const weight = freshName(taken, "fit.weight");
    const shape = [channels * size, 1, ...kernel];
    const data = new Float32Array(channels * size * size);
    for (let row = 0; row < channels * size; row++) data[row * size + row % size] = 1;
    specs[weight] = { shape, role: "weight" };
    params.set(weight, { shape, data });
    return add("Conv", [x, weight], { strides, pads, dilations, group: channels });
  }
}

/** Tokens [N, …, D] as [N, D, …]. */
function channelsFirst(
  shape: Shape,
  value: string,
  add: (op: Node["op"], inputs: readonly string[], attrs: Node["attrs"]) => string,
): string {
  const last = shape.length - 1;
  return add("Transpose", [value], { perm: [0, last, ...Array.from({ length: last - 1 }, (_, i) => i + 1)] });
}
