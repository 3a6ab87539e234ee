import { isBatchNorm, mixesChannels } from "../../graph/roles.ts";
import type { Graph, Node } from "../../graph/types.ts";
import type { Constraint } from "../structures/types.ts";
import { forEachRead, readChannels } from "./read_channels.ts";
import type { Criterion } from "./types.ts";

/**
 * |γ_c|·‖K_fc‖_F of a kernel, γ being that of the batch norm whose channel c the kernel reads (Lin et al. 2018, "Synaptic Strength
 * for Convolutional Neural Network"), as the weights stand: the static form.
 */
export const synapticStrength: Criterion = {
  name: "synaptic-strength",
  summary: "‖K‖ of a kernel times |γ| of the channel that it reads",
  source: "Lin et al. 2018, arXiv 1811.02454",
  needs: ["weights"],
  labels: false,
  refusal(groups, graph) {
    if (groups.kind !== "kernel") return "the strength of a connection is that of a kernel";
    return gammaBefore(groups, graph) === undefined
      ? "no batch norm stands before it, whose γ its kernels read"
      : undefined;
  },
  score(groups, { model }) {
    const [read] = readChannels(groups, model.graph);
    const gamma = model.params.get(gammaBefore(groups, model.graph)!)!.data;
    const weights = model.params.get(read.member.param)!.data;
    const squares = new Float64Array(groups.groups), scales = new Float64Array(groups.groups);
    forEachRead(read, groups.groups, (group, element, channel) => {
      squares[group] += weights[element] ** 2;
      scales[group] = Math.abs(gamma[channel]);
    });
    return squares.map((square, group) => scales[group] * Math.sqrt(square));
  },
};

/** γ of the batch norm that makes what a layer reads, but for activations and pools in between, which leave channels where they are. */
function gammaBefore(groups: Constraint, graph: Graph): string | undefined {
  const [read] = readChannels(groups, graph);
  const makers = new Map(graph.nodes.map((node) => [node.outputs[0], node]));
  let node: Node | undefined = read && makers.get(read.read.value);
  while (node && !isBatchNorm(node)) {
    const values = node.inputs.filter((name) => !(name in graph.params));
    node = values.length === 1 && !mixesChannels(node) ? makers.get(values[0]) : undefined;
  }
  const gamma = node?.inputs[1];
  return gamma !== undefined && graph.params[gamma].shape[0] === read.layer.channels ? gamma : undefined;
}
