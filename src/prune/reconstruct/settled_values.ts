/**
 * What the part of a network that won't change any more makes of each batch of images. Layers are pruned from the input on, and each
 * is looked at behind those before it: with this, all passes together run the network once.
 */
import "../../disposable.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { executeOutputs } from "../../graph/execute.ts";
import { segmentOf } from "../../graph/segment.ts";
import type { Graph, Model } from "../../graph/types.ts";
import { Tape } from "../../tensor/tape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type DeviceParams, uploadParams } from "../../train/device_params.ts";

/** Values in front of a place that only moves on. */
export interface SettledValues extends Disposable {
  /** Says that no node before this place in `model.graph.nodes` will change any more. Places never fall. */
  settle(model: Model, place: number): void;
  /** Whether a node of this name stands before the place. */
  isBefore(node: string): boolean;
  /**
   * The values of a batch that cross the place, by name; of those that don't fit into the memory the way there is run again.
   *
   * @param number of the batch, whose images are always the same
   * @param tape owns what isn't kept
   */
  of(number: number, images: Tensor, tape: Tape): ReadonlyMap<string, Tensor>;
}

/** Of values that are kept for all batches together: a thousand images of CIFAR's size take half of it. */
const MOST_KEPT_BYTES = 2 ** 27;

/** Of one batch. */
interface Kept {
  readonly place: number;
  readonly values: ReadonlyMap<string, Tensor>;
}

interface Settled {
  readonly graph: Graph;
  readonly place: number;
  readonly before: ReadonlySet<string>;
  /** Names of the values that cross the place. */
  readonly crossing: readonly string[];
  /** What stands before the place reads. */
  readonly uploaded: DeviceParams;
  /** By the place that a batch was at before: what leads from there. */
  readonly ways: Map<number, Graph>;
}

export function createSettledValues(gpu: Gpu, mostBytes = MOST_KEPT_BYTES): SettledValues {
  const kept = new Map<number, Kept>();
  let keptBytes = 0;
  let settled: Settled | undefined;
  const forget = (number: number) => {
    for (const value of kept.get(number)?.values.values() ?? []) {
      keptBytes -= value.byteLength;
      value.dispose();
    }
    kept.delete(number);
  };
  return {
    settle({ graph, params }, place) {
      settled?.uploaded.dispose();
      const crossing = segmentOf(graph, place, graph.nodes.length).inputs.map(({ name }) => name);
      const uploaded = uploadParams(gpu, [segmentOf(graph, 0, place)], params);
      const before = new Set(graph.nodes.slice(0, place).map(({ name }) => name));
      settled = { graph, place, before, crossing, uploaded, ways: new Map() };
    },
    isBefore: (node) => settled!.before.has(node),
    of(number, images, tape) {
      const { graph, place, crossing, uploaded, ways } = settled!;
      const from = kept.get(number) ?? { place: 0, values: new Map([[graph.inputs[0].name, images]]) };
      if (from.place === place) return from.values;
      const way = ways.get(from.place) ?? segmentOf(graph, from.place, place);
      ways.set(from.place, way);
      const inputs = Object.fromEntries(way.inputs.map(({ name }) => [name, from.values.get(name)!]));
      using own = new Tape(gpu, "eval");
      const made = new Map(
        executeOutputs(own, way, uploaded.params, inputs).map((value, i) => [way.outputs[i], value]),
      );
      const values = new Map(crossing.map((name) => {
        const value = made.get(name) ?? from.values.get(name)!;
        return [name, value.view(value.shape)] as const;
      }));
      forget(number);
      const bytes = values.values().reduce((sum, { byteLength }) => sum + byteLength, 0);
      if (keptBytes + bytes > mostBytes) values.forEach((value) => tape.own(value));
      else {
        kept.set(number, { place, values });
        keptBytes += bytes;
      }
      return values;
    },
    [Symbol.dispose]() {
      for (const number of [...kept.keys()]) forget(number);
      settled?.uploaded.dispose();
    },
  };
}
