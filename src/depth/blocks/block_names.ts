/** What blocks are called: by what the names of their layers have in common. */
import { layersOf } from "../../graph/roles.ts";
import type { Graph } from "../../graph/types.ts";

/**
 * A name for each list of nodes, no two alike: the shortest beginning, by whole parts, that all of its layers' names have and no
 * layer outside; the first layer's name where there is none.
 */
export function nameBlocks(graph: Graph, blocks: readonly (readonly string[])[]): readonly string[] {
  const layers = layersOf(graph).map(({ name }) => name);
  const names = blocks.map((nodes) => {
    const inside = new Set(nodes);
    const own = layers.filter((name) => inside.has(name));
    const others = layers.filter((name) => !inside.has(name)).map(partsOf);
    const common = commonParts(own.map(partsOf));
    for (let length = 1; length <= common.length; length++) {
      const beginning = common.slice(0, length);
      if (!others.some((parts) => beginning.every((part, i) => parts[i] === part))) return lastPart(beginning.join(""));
    }
    return own[0];
  });
  return names.map((name, i) => names.indexOf(name) === names.lastIndexOf(name) ? name : firstLayer(layers, blocks[i]));
}

function firstLayer(layers: readonly string[], nodes: readonly string[]): string {
  return layers.find((name) => nodes.includes(name)) ?? nodes[0];
}

/** "/layer1/layer1.0/conv1" -> "/layer1", "/layer1", ".0", "/conv1" */
function partsOf(name: string): readonly string[] {
  return name.match(/[./]?[^./]+/g) ?? [name];
}

function commonParts(all: readonly (readonly string[])[]): readonly string[] {
  const [first = [], ...others] = all;
  const end = first.findIndex((part, i) => others.some((parts) => parts[i] !== part));
  return end < 0 ? first.slice(0, -1) : first.slice(0, end);
}

/** PyTorch's exporter writes the path of modules as "/layer1/layer1.0": its last part tells it all. */
function lastPart(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}
