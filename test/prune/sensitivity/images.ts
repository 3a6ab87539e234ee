import { random } from "../../../kernels/random/philox.ts";
import type { Dataset } from "../../../src/data/types.ts";
import type { Graph } from "../../../src/graph/types.ts";
import { inferShapes } from "../../../src/graph/infer.ts";

/** Random images and labels as a network takes and gives them. */
export function imagesFor(graph: Graph, count: number): Dataset {
  const shape = graph.inputs[0].shape.slice(1) as [number, number, number];
  const classes = inferShapes(graph).get(graph.outputs[0])![1] as number;
  const rng = random(11, "images");
  const size = shape[0] * shape[1] * shape[2];
  return {
    name: "random images",
    classes,
    shape,
    count,
    images: Uint8Array.from({ length: count * size }, (_, i) => rng.below(256, 0, i)),
    labels: Uint16Array.from({ length: count }, (_, i) => rng.below(classes, 1, i)),
    normalization: { scale: 255, mean: new Array(shape[0]).fill(0.5), std: new Array(shape[0]).fill(0.3) },
  };
}
