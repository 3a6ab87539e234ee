/** What was counted of each pruned network so far: sums that can be kept, gone on with, and turned into curves. */
import "../../disposable.ts";
import { UserError } from "../../errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Tape } from "../../tensor/tape.ts";
import { axpby } from "../../tensor/ops/inplace.ts";
import { meanSquaredError, softmaxCrossEntropy } from "../../tensor/ops/loss.ts";
import { countCorrect } from "../../tensor/ops/reduce.ts";
import { Tensor } from "../../tensor/tensor.ts";

/** Of one network, over the images so far. The sums are float32, as evaluation's are. */
export interface NetworkTally {
  /** Images whose largest output is the label's; 0 without labels. */
  readonly correct: number;
  /** Σ cross-entropy; 0 without labels. */
  readonly loss: number;
  /** Σ‖z′ − z‖² to the whole network's outputs. */
  readonly error: number;
}

/** Of all networks. */
export interface Tally {
  /** Whole batches that all networks have seen. */
  readonly batches: number;
  /** Images in them. */
  readonly images: number;
  /** The whole network's first, then each layer's in the order of its `keeps`. */
  readonly networks: readonly NetworkTally[];
  /** Σ z over the images for each of the whole network's outputs. */
  readonly outputs: readonly number[];
  /** Σ‖z‖² */
  readonly squares: number;
}

/** Before the first batch. */
export function emptyTally(networks: number): Tally {
  const none: NetworkTally = { correct: 0, loss: 0, error: 0 };
  return { batches: 0, images: 0, networks: new Array(networks).fill(none), outputs: [], squares: 0 };
}

/** The sums on the device. */
export interface DeviceTally extends Disposable {
  /**
   * Adds a batch of a network's outputs.
   * @param labels u32 [N]; undefined where there are none
   */
  add(tape: Tape, network: number, outputs: Tensor, dense: Tensor, labels: Tensor | undefined): void;
  /** What was added up, and one more batch of the whole network's outputs, in one wait. */
  read(before: Tally, dense: Tensor): Promise<Tally>;
}

/** Goes on from sums that were kept: float32 numbers, so that the result is the same to the bit. */
export function deviceTally(gpu: Gpu, { networks }: Tally): DeviceTally {
  const sums = networks.map(({ correct, loss, error }) => ({
    correct: Tensor.from(gpu, Uint32Array.of(correct), [1]),
    loss: Tensor.from(gpu, Float32Array.of(loss), []),
    error: Tensor.from(gpu, Float32Array.of(error), []),
  }));
  return {
    add(tape, network, outputs, dense, labels) {
      const { correct, loss, error } = sums[network];
      axpby(gpu, outputs.size, meanSquaredError(tape, outputs, dense), 1, error);
      if (!labels) return;
      axpby(gpu, outputs.shape[0], softmaxCrossEntropy(tape, outputs, labels), 1, loss);
      countCorrect(gpu, outputs, labels, correct);
    },
    async read(before, dense) {
      const parts = await gpu.readMany([dense, ...sums.flatMap(({ correct, loss, error }) => [correct, loss, error])]);
      return {
        ...outputsAdded(before, new Float32Array(parts[0]), dense.shape[0]),
        networks: sums.map((_, i) => ({
          correct: new Uint32Array(parts[3 * i + 1])[0],
          loss: new Float32Array(parts[3 * i + 2])[0],
          error: new Float32Array(parts[3 * i + 3])[0],
        })),
      };
    },
    [Symbol.dispose]() {
      for (const { correct, loss, error } of sums) [correct, loss, error].forEach((sum) => sum.dispose());
    },
  };
}

function outputsAdded(before: Tally, z: Float32Array, images: number): Tally {
  const width = z.length / images;
  const outputs = before.outputs.length > 0 ? [...before.outputs] : new Array<number>(width).fill(0);
  let { squares } = before;
  z.forEach((value, i) => {
    outputs[i % width] += value;
    squares += value * value;
  });
  return { ...before, batches: before.batches + 1, images: before.images + images, outputs, squares };
}

/**
 * Σ‖z − z̄‖² over the images, by which errors are told as `outputLoss` does.
 * @throws UserError where the outputs are the same for all of them, or no finite numbers
 */
export function outputSpread({ outputs, squares, images }: Tally): number {
  const spread = squares - outputs.reduce((sum, of) => sum + of * of, 0) / images;
  if (!Number.isFinite(spread)) {
    throw new UserError(
      "the network's outputs aren't finite numbers: check that mean and std are those that it was trained with",
    );
  }
  if (spread <= 1e-12 * squares) {
    throw new UserError(
      `the network's outputs are the same for all ${images} images, so nothing can be told of its layers: give more images`,
    );
  }
  return spread;
}
