/** A network in the making in which some values are mixed with others. */
import { identityMap } from "../../graph/indexmap.ts";
import { inferNode } from "../../graph/infer.ts";
import { freshName, takenNames } from "../../graph/names.ts";
import { opOf } from "../../graph/ops/ops.ts";
import type {
  Attrs,
  HostTensor,
  Model,
  Node,
  OpName,
  ParamRole,
  ParamSpec,
  Rewrite,
  Shape,
} from "../../graph/types.ts";
import { sameShape } from "../../graph/shapes.ts";
import { type Step, type Steps, stepsOf } from "../blocks/steps.ts";

/** ONNX's and PyTorch's default. */
const EPSILON = 1e-5, MOMENTUM = 0.9;

export interface MixedDraft {
  /** The network as it was. */
  readonly network: Steps;
  /** A new node, as early as its inputs allow; gives its output, which has its name. */
  node(op: OpName, inputs: readonly string[], attrs: Attrs, name: string): string;
  /** What a step, its parameters included, makes of another value. */
  repeat(step: Step, x: string, name: string): string;
  /** What a batch norm that does nothing at first makes of a value along one axis. */
  batchNorm(x: string, axis: number, name: string): string;
  /** An image as it is, or by a 1×1 convolution in the shape of another value, which it can reach (`strideBetween`). */
  carried(x: string, like: string, name: string): string;
  /** Who reads the value reads the mix of what it was and of what `form` makes, which is given the name of what it was. */
  mix(value: string, form: (kept: string) => string): void;
  /** The network with all that has been added. */
  rewrite(): Rewrite;
}

/** @throws UserError when the graph isn't valid */
export function openDraft({ graph, params }: Model): MixedDraft {
  const network = stepsOf(graph);
  const taken = takenNames(graph);
  const shapes = new Map(network.shapes);
  const specs: Record<string, ParamSpec> = { ...graph.params };
  const values = new Map<string, HostTensor>(params);
  let nodes: readonly Node[] = graph.nodes;

  const insert = (node: Node) => {
    const place = 1 + nodes.findLastIndex(({ outputs }) => node.inputs.includes(outputs[0]));
    nodes = nodes.toSpliced(place, 0, node);
    shapes.set(node.outputs[0], inferNode(node, node.inputs.map((name) => shapes.get(name) ?? specs[name].shape)));
  };
  const node: MixedDraft["node"] = (op, inputs, attrs, name) => {
    const own = freshName(taken, name);
    insert({ name: own, op, inputs, outputs: [own], attrs });
    return own;
  };
  const param = (name: string, role: ParamRole, shape: readonly number[], data: Float32Array<ArrayBuffer>): string => {
    const own = freshName(taken, name);
    specs[own] = { shape, role };
    values.set(own, { shape, data });
    return own;
  };
  const norm = (x: string, name: string): string => {
    const own = freshName(taken, name);
    const shape = [shapes.get(x)![1] as number];
    const filled = (value: number) => new Float32Array(shape[0]).fill(value);
    const inputs = [
      x,
      param(`${own}.weight`, "gamma", shape, filled(1)),
      param(`${own}.bias`, "beta", shape, filled(0)),
      param(`${own}.running_mean`, "mean", shape, filled(0)),
      param(`${own}.running_var`, "variance", shape, filled(1 - EPSILON)),
    ];
    const attrs = { epsilon: EPSILON, momentum: MOMENTUM };
    insert({ name: own, op: "BatchNormalization", inputs, outputs: [own], attrs });
    return own;
  };
  return {
    network,
    node,
    repeat(step, x, name) {
      const values = new Map([[step.input, x]]);
      for (const { op, inputs, outputs: [made], attrs } of step.nodes) {
        values.set(made, node(op, inputs.map((input) => values.get(input) ?? input), attrs, name));
      }
      return values.get(step.output)!;
    },
    batchNorm(x, axis, name) {
      if (axis === 1) return norm(x, name);
      const maker = nodes.find(({ outputs }) => outputs[0] === x);
      const moves = maker && opOf(maker).axes;
      const perm = moves?.kind === "permutes" ? moves.perm(maker!, shapes.get(maker!.inputs[0])!) : undefined;
      // Before a change of layout that puts the channels there, a norm needs none of its own.
      if (perm?.[axis] === 1) {
        return node(maker!.op, [norm(maker!.inputs[0], name)], maker!.attrs, `${name}.moved`);
      }
      const order = shapes.get(x)!.map((_, i) => i === 1 ? axis : i === axis ? 1 : i);
      const first = node("Transpose", [x], { perm: order }, `${name}.before`);
      return node("Transpose", [norm(first, name)], { perm: order }, `${name}.after`);
    },
    carried(x, like, name) {
      const [from, to] = [shapes.get(x)!, shapes.get(like)!];
      if (sameShape(from, to)) return node("Identity", [x], {}, name);
      const [channels, filters] = [from[1], to[1]] as number[];
      const weight = param(`${name}.weight`, "weight", [filters, channels, 1, 1], spread(filters, channels));
      return node("Conv", [x, weight], { strides: strideBetween(from, to)! }, name);
    },
    mix(value, form) {
      const kept = freshName(taken, `${value}.kept`);
      shapes.set(kept, shapes.get(value)!);
      nodes = nodes.map((made) => made.outputs[0] === value ? { ...made, outputs: [kept] } : made);
      insert({
        name: freshName(taken, `${value}.mix`),
        op: "Mix",
        inputs: [kept, form(kept)],
        outputs: [value],
        attrs: {},
      });
    },
    rewrite: () => ({
      model: { graph: { ...graph, nodes, params: specs }, params: values },
      map: identityMap(graph),
    }),
  };
}

/** The strides with which a 1×1 convolution makes one image's shape of another's; undefined where none does. */
export function strideBetween(from: Shape, to: Shape): readonly [number, number] | undefined {
  if (from.length !== 4 || to.length !== 4) return undefined;
  const along = (axis: 2 | 3) => {
    const [size, wanted] = [from[axis], to[axis]] as number[];
    const stride = Math.max(1, Math.round(size / wanted));
    return Math.floor((size - 1) / stride) + 1 === wanted ? stride : undefined;
  };
  const [rows, cols] = [along(2), along(3)];
  return rows === undefined || cols === undefined ? undefined : [rows, cols];
}

/** [filters, channels]: each filter takes over a channel, or the mean of those that come round to it. */
function spread(filters: number, channels: number): Float32Array<ArrayBuffer> {
  const common = Math.min(filters, channels);
  return Float32Array.from({ length: filters * channels }, (_, i) => {
    const [filter, channel] = [Math.floor(i / channels), i % channels];
    if (channel % common !== filter % common) return 0;
    return 1 / Math.ceil((channels - channel % common) / common);
  });
}
