import type { Arena } from "../../tensor/arena.ts";
import { findBeyond } from "../../tensor/ops/reduce.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { diverged } from "../errors.ts";
import type { TrainState } from "../state.ts";
import type { Callback, Training } from "../types.ts";

/** The square of a larger weight overflows float32: its norm, and what batch norm makes of it, are worth nothing. */
const LARGEST_WEIGHT = 2 ** 64;

/** From here on float32 can't tell two neighbouring whole numbers apart, such as the logits of such a loss. */
const LARGEST_LOSS = 2 ** 24;

/** Running statistics of momentum 0.9 have forgotten where they began after so many steps. */
const STEPS_TO_SETTLE = 50;

/** What is looked at, in this order, and from which magnitude on it has diverged. */
const ROLES = [
  { role: "weights", limit: LARGEST_WEIGHT, what: "" },
  { role: "gradients", limit: Infinity, what: "the gradient of " },
  { role: "statistics", limit: Infinity, what: "" },
] as const satisfies readonly { role: keyof TrainState; limit: number; what: string }[];

/**
 * Ends a training that has diverged with a DivergedError: where the loss, a gradient, a running statistic or a weight is
 * NaN or infinite, a weight is beyond 2⁶⁴, or a mean loss beyond 2²⁴. Batch norm can hide the one from the other. Looks
 * whenever sums are read, at the end of an epoch at the latest, and at the validation loss.
 */
export function nanGuard(): Callback {
  let places: Tensor[] = [];
  return {
    name: "nan-guard",
    open({ gpu }) {
      places = ROLES.map(() => Tensor.zeros(gpu, [1], "u32"));
    },
    beforeRead({ gpu, state }) {
      ROLES.forEach(({ role, limit }, i) => findBeyond(gpu, state[role], limit, places[i]));
      return places;
    },
    afterRead(training, bytes) {
      const found = bytes.map((place, i) => nameAt(training.state[ROLES[i].role], new Uint32Array(place)[0]));
      const { lossSum, samples } = training.progress;
      refuse(training, training.epoch + 1, lossSum / samples, found);
    },
    afterValidation(training, { epoch, validationLoss = 0 }) {
      // The last steps can blow the weights up without any training loss telling.
      const settled = training.optimizer.steps >= STEPS_TO_SETTLE || !Number.isFinite(validationLoss);
      if (settled) refuse(training, epoch, validationLoss, []);
    },
    close() {
      for (const place of places) place.dispose();
    },
  };
}

/** @param found for each role the parameter that has diverged, if one has */
function refuse(training: Training, epoch: number, loss: number, found: readonly (string | undefined)[]): void {
  const at = found.findIndex((name) => name !== undefined);
  const subject = at < 0 ? undefined : `${ROLES[at].what}"${found[at]}"`;
  if (!Number.isFinite(loss)) {
    const more = subject ? `, nor is ${subject},` : "";
    throw diverged(training, epoch, `the loss is not a number any more${more}`);
  }
  if (subject) throw diverged(training, epoch, `${subject} has overflowed`);
  if (loss > LARGEST_LOSS) throw diverged(training, epoch, `the loss has grown to ${loss.toPrecision(3)}`);
}

/** The parameter that holds the first such number; `place` is as `findBeyond` leaves it. */
function nameAt({ layout }: Arena, place: number): string | undefined {
  if (place === 0) return undefined;
  const index = layout.elements - place;
  return layout.slots.find(({ offset, size }) => index >= offset && index < offset + size)?.name;
}
