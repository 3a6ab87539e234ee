/** The networks of StructADMM's speed-up experiments, as graphs. */
import { type Builder, builder } from "../../src/graph/build.ts";
import type { Graph, HostTensor, Model } from "../../src/graph/types.ts";
import { type AlexNetLayer, CAFFE_ALEXNET } from "../../src/models/alexnet.ts";

/** How many parts a convolution of two groups is written as; see `alexnet`. */
export type Groups = "one node" | "a node each";

/**
 * AlexNet's convolutions as Caffe has them (227×227 input, groups of 2 in conv2, 4 and 5, overlapping pools; local response
 * normalisation, which later nets dropped, is left out). A linear layer behind a global average stands for the
 * classifier: it reads conv5's channels, so that they can be removed, and is 0.04 % of the work.
 *
 * A grouped convolution can't leave out columns group by group, so what is pruned is written with a node for each group.
 */
export function alexnet(groups: Groups): Graph {
  const b = builder("alexnet", ["N", 3, 227, 227]);
  let x = b.input;
  for (const layer of CAFFE_ALEXNET) {
    x = b.relu(layer.group && groups === "a node each" ? halves(b, x, layer) : b.conv(x, layer), `${layer.name}.relu`);
    if (layer.pool) x = b.maxPool(x, { kernel: 3, stride: 2, name: `${layer.name}.pool` });
  }
  b.gemm(b.flatten(b.globalAveragePool(x)), { name: "classifier", out: 1000 });
  return b.graph();
}

/** Names of the nodes that a layer is written as. */
export function alexnetNodes(layer: string): readonly string[] {
  return CAFFE_ALEXNET.find(({ name }) => name === layer)!.group ? [`${layer}.0`, `${layer}.1`] : [layer];
}

function halves(b: Builder, x: string, { name, out, kernel, pad }: AlexNetLayer): string {
  const half = b.channels(x) / 2;
  return b.concat(
    [0, 1].map((i) => {
      const part = b.slice(x, { axes: [1], starts: [i * half], ends: [(i + 1) * half] }, `${name}.${i}.input`);
      return b.conv(part, { name: `${name}.${i}`, out: out / 2, kernel, pad });
    }),
    `${name}.concat`,
  );
}

/** The model with a node for each group as the one with grouped convolutions: the same numbers. */
export function withGroups({ params }: Model): Model {
  const graph = alexnet("one node");
  const join = (a: HostTensor, b: HostTensor): HostTensor => {
    const data = new Float32Array(a.data.length + b.data.length);
    data.set(a.data);
    data.set(b.data, a.data.length);
    return { shape: [a.shape[0] + b.shape[0], ...a.shape.slice(1)], data };
  };
  return {
    graph,
    params: new Map(
      Object.keys(graph.params).map((name) => {
        const [layer, kind] = name.split(".");
        const part = (i: number) => params.get(`${layer}.${i}.${kind}`)!;
        return [name, params.get(name) ?? join(part(0), part(1))];
      }),
    ),
  };
}
