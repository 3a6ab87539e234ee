/** What criteria that look at whole feature maps have in common. */
import { inferShapes } from "../../graph/infer.ts";
import type { Graph } from "../../graph/types.ts";
import type { EvidenceRequest, FeatureMaps } from "../../train/evidence/evidence.ts";
import type { Constraint } from "../structures/types.ts";
import { meanOfChannels, refusalUnlessChannels } from "./activation_statistics.ts";
import { readChannels } from "./read_channels.ts";
import type { Evidence } from "./types.ts";

/** Why groups have no feature maps; undefined where they have. */
export function refusalWithoutMaps(groups: Constraint, graph: Graph): string | undefined {
  const refused = refusalUnlessChannels(groups);
  return refused ??
    (mapped(groups, graph).length > 0 ? undefined : "no layer reads its channels as images [N, C, H, W]");
}

export function requestMaps(groups: Constraint, graph: Graph): EvidenceRequest {
  return { maps: mapped(groups, graph) };
}

/** The mean over images of what `of` makes of each channel of an image's maps [C, H·W]. */
export function meanOverMaps(
  groups: Constraint,
  { model, gathered }: Evidence,
  of: (image: Float64Array, channels: number, map: readonly [number, number]) => ArrayLike<number>,
): Float64Array {
  const values = new Set(mapped(groups, model.graph));
  return meanOfChannels(
    groups,
    model.graph,
    (value) => values.has(value) ? meanOf(gathered!.maps.get(value)!, of) : undefined,
  );
}

function meanOf(
  { shape: [count, channels, height, width], data }: FeatureMaps,
  of: (image: Float64Array, channels: number, map: readonly [number, number]) => ArrayLike<number>,
): Float64Array {
  const sums = new Float64Array(channels), size = channels * height * width;
  for (let n = 0; n < count; n++) {
    const found = of(data.subarray(n * size, (n + 1) * size), channels, [height, width]);
    for (let c = 0; c < channels; c++) sums[c] += found[c] / count;
  }
  return sums;
}

/** Values of images from which layers read the channels. */
function mapped(groups: Constraint, graph: Graph): string[] {
  const shapes = inferShapes(graph);
  for (const { name, shape } of graph.inputs) shapes.set(name, shape);
  const images = readChannels(groups, graph).filter(({ read: { value, axis } }) =>
    axis === 1 && shapes.get(value)!.length === 4
  );
  return [...new Set(images.map(({ read }) => read.value))];
}
