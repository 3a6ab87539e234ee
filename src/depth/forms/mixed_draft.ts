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
import { type Step, type Steps, stepsOf } from "../blocks/steps.ts";

/** ONNX's and PyTorch's default. */
const EPSILON = 1e-5, MOMENTUM = 0.9;

export interface MixedDraft {
  /** The network as it was. */
  readonly network: Steps;
  /** Of a value, also of one that the draft has made. */
  shape(value: string): Shape;
  /** A new node, as early as its inputs allow; gives its output, which has its name. */
  node(op: OpName, inputs: readonly string[], attrs: Attrs, name: string): string;
  /** What a step, its parameters included, makes of another value. */
  repeat(step: Step, x: string, name: string): string;
  /** What a batch norm that does nothing at first makes of a value along one axis. */
  batchNorm(x: string, axis: number, name: string): string;
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
  const norm = (x: string, name: string): string => {
    const own = freshName(taken, name);
    const channels = shapes.get(x)![1] as number;
    const param = (part: string, role: ParamRole, value: number) => {
      const made = freshName(taken, `${own}.${part}`);
      specs[made] = { shape: [channels], role };
      values.set(made, { shape: [channels], data: new Float32Array(channels).fill(value) });
      return made;
    };
    const inputs = [
      x,
      param("weight", "gamma", 1),
      param("bias", "beta", 0),
      param("running_mean", "mean", 0),
      param("running_var", "variance", 1 - EPSILON),
    ];
    insert({
      name: own,
      op: "BatchNormalization",
      inputs,
      outputs: [own],
      attrs: { epsilon: EPSILON, momentum: MOMENTUM },
    });
    return own;
  };
  return {
    network,
    shape: (value) => shapes.get(value)!,
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
      if (perm?.[axis] === 1) return node(maker!.op, [norm(maker!.inputs[0], name)], maker!.attrs, `${name}.moved`);
      const order = shapes.get(x)!.map((_, i) => i === 1 ? axis : i === axis ? 1 : i);
      const first = node("Transpose", [x], { perm: order }, `${name}.before`);
      return node("Transpose", [norm(first, name)], { perm: order }, `${name}.after`);
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
