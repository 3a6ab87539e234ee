/** Parts of images of which nobody says what they show. Pure. */
import { UserError } from "../errors.ts";
import { makeSplits, pick } from "./splits.ts";
import type { Dataset, SplitOptions, Splits } from "./types.ts";

/** Part of the images that nothing is fitted to. */
const HELD_OUT = 0.15;
/** Fewer than these can't be divided and compared. */
export const LEAST_UNLABELLED = 8;
/** Of those that are read where nobody says how many. */
const MOST_UNLABELLED = 10_000;

/** Images that are read so that `limit` of them are to be fitted to. */
export function wantedUnlabelled({ limit, validation = HELD_OUT }: SplitOptions): number {
  return limit === undefined ? MOST_UNLABELLED : Math.max(LEAST_UNLABELLED, Math.ceil(limit / (1 - validation)));
}

/**
 * Images to fit to, and images, spread evenly among them, to compare outputs on. Nothing is chosen by the latter, so that one part is
 * validation and test.
 *
 * @throws UserError where there are too few, or on options out of range
 */
export function unlabelledSplits(all: Dataset, { validation = HELD_OUT, limit }: SplitOptions = {}): Splits {
  if (all.count < LEAST_UNLABELLED) {
    throw new UserError(
      `data set "${all.name}": found ${all.count} images, expected ${LEAST_UNLABELLED} at least: give more`,
    );
  }
  const count = Math.min(all.count - 1, Math.max(1, Math.round(all.count * validation)));
  const held = new Set(Array.from({ length: count }, (_, i) => Math.floor((i + 0.5) * all.count / count)));
  const places = Array.from({ length: all.count }, (_, i) => i);
  const train = Uint32Array.from(places.filter((i) => !held.has(i)));
  const test = Uint32Array.from(places.filter((i) => held.has(i)));
  const parts = { train: pick(all, train), validation: pick(all, test), test: pick(all, test) };
  return { ...makeSplits({ ...parts, source: { train, test } }, validation, { validation, limit }), labels: "absent" };
}
