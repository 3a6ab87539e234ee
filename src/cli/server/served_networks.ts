/** ONNX files that `serve` was told to offer: read once, so that what is wrong with one is said before a phone asks for it. */
import { basename } from "node:path";
import { onnxFile } from "../../formats/onnx/image_network.ts";
import { graphCost } from "../../graph/cost.ts";
import type { ListedNetwork } from "../../report/listed_network.ts";
import type { Store } from "../../store/types.ts";
import { requireFile } from "../given_files.ts";

export interface ServedNetwork {
  readonly listed: ListedNetwork;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Networks by the names of their files, or by their paths where two files share a name.
 *
 * @throws UserError for a file that isn't there, is no ONNX, or whose network takes no images
 */
export async function readServed(store: Store, given: readonly string[]): Promise<ServedNetwork[]> {
  const paths = [...new Set(given)];
  const networks: ServedNetwork[] = [];
  for (const path of paths) {
    await requireFile(store, path);
    const bytes = (await store.read(path))!;
    const { model: { graph } } = onnxFile(path, bytes);
    const [, channels, height, width] = graph.inputs[0].shape as [string, number, number, number];
    const { params, macs } = graphCost(graph);
    const shared = paths.some((other) => other !== path && basename(other) === basename(path));
    const name = shared ? path : basename(path);
    networks.push({ listed: { name, params, macs, input: [channels, height, width] }, bytes });
  }
  return networks;
}
