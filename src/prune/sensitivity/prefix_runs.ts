/**
 * Many changed networks on one batch of images, each of which differs from the whole network only from some node on. What stands
 * before is computed once for all of them.
 */
import "../../disposable.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import { executeOutputs } from "../../graph/execute.ts";
import { inferShapes } from "../../graph/infer.ts";
import { segmentOf } from "../../graph/segment.ts";
import { concrete } from "../../graph/shapes.ts";
import type { Graph, HostTensor, Params } from "../../graph/types.ts";
import { Tape } from "../../tensor/tape.ts";
import { elements, Tensor } from "../../tensor/tensor.ts";
import { type DeviceParams, uploadParams } from "../../train/device_params.ts";

/** A network that is run from several places on. */
export interface PrefixRuns extends Disposable {
  /** Bytes of the values of one image that are kept. */
  readonly keptBytes: number;
  /**
   * Runs the whole network on a batch and keeps the values that cross the places, until the next batch: as many as a plain
   * forward pass holds at most.
   *
   * @param images [N, C, H, W]
   * @returns its first output, which lives until the next batch
   */
  open(images: Tensor): Tensor;
  /**
   * The first output of the network with other numbers for some parameters, all of which are read from place `from` on; runs what
   * stands there and behind. The tape owns it.
   */
  run(tape: Tape, from: number, changed: ReadonlyMap<string, HostTensor>): Tensor;
}

/** @param places in `graph.nodes`, from which the network will be run */
export function prefixRuns(gpu: Gpu, graph: Graph, params: Params, places: readonly number[]): PrefixRuns {
  const uploaded: DeviceParams = uploadParams(gpu, [graph], params);
  const cuts = [...new Set([0, ...places])].sort((a, b) => a - b);
  const parts = cuts.map((from, i) => segmentOf(graph, from, cuts[i + 1] ?? graph.nodes.length));
  const rests = new Map(cuts.map((from) => [from, segmentOf(graph, from, graph.nodes.length)]));
  const crossing = new Set([...rests.values()].flatMap(({ inputs }) => inputs.map(({ name }) => name)));
  const values = new Map<string, Tensor>();
  const inputsOf = ({ inputs }: Graph) => Object.fromEntries(inputs.map(({ name }) => [name, values.get(name)!]));
  const clear = () => {
    for (const value of values.values()) value.dispose();
    values.clear();
  };
  const shapes = inferShapes(graph);
  return {
    keptBytes: [...crossing].reduce((sum, name) => sum + 4 * elements(concrete(shapes.get(name)!, 1)), 0),
    open(images) {
      clear();
      values.set(graph.inputs[0].name, images.view(images.shape));
      for (const part of parts) {
        using tape = new Tape(gpu, "eval");
        executeOutputs(tape, part, uploaded.params, inputsOf(part)).forEach((value, i) => {
          const name = part.outputs[i];
          // The tape gives back its own reference to everything else.
          if (crossing.has(name) || graph.outputs.includes(name)) values.set(name, value.view(value.shape));
        });
      }
      return values.get(graph.outputs[0])!;
    },
    run(tape, from, changed) {
      const own = Array.from(
        changed,
        ([name, { data, shape }]) => [name, tape.own(Tensor.from(gpu, data, shape))] as const,
      );
      const rest = rests.get(from)!;
      return executeOutputs(tape, rest, new Map([...uploaded.params, ...own]), inputsOf(rest))[0];
    },
    [Symbol.dispose]() {
      clear();
      uploaded.dispose();
    },
  };
}
