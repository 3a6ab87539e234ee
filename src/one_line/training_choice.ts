/** How a network is trained where nobody says how: from what there is to learn from, and what its weights know already. */

/** What decides about training. */
export interface Grounds {
  /** Training images. */
  readonly images: number;
  /** What holds the network's numbers in place: batch norms, layer norms (then it is trained as transformers are), or nothing. */
  readonly norms: "batch" | "layer" | "none";
  /** Whether sums carry values past its layers, or each layer sees only what the one before has made. */
  readonly shortcuts: "some" | "none";
  /** Fraction right of training images, how many of them, and what saying the commonest class always would give; undefined without labels. */
  readonly known?: { readonly accuracy: number; readonly scored: number; readonly chance: number };
}

/** Whether the file's weights know the classes: not at all, less than half of the way from chance to all, or more. */
export type Knowledge = "nothing" | "little" | "trained";

/**
 * nothing: accuracy < p + 3·√(p(1 − p)/n), p the share of the commonest class, n images, which guessing exceeds once in 700 times.
 * little: accuracy < (1 + p)/2. Without labels the weights are taken for trained.
 */
export function knowledgeOf({ known }: Pick<Grounds, "known">): Knowledge {
  if (!known) return "trained";
  const { accuracy, scored, chance } = known;
  if (accuracy < chance + 3 * Math.sqrt(chance * (1 - chance) / scored)) return "nothing";
  return accuracy < (1 + chance) / 2 ? "little" : "trained";
}

/** Steps that an epoch should have at least: batch norms take statistics of batches, and each step moves the weights once. */
const STEPS_PER_EPOCH = 8;

/** A power of two near an eighth of the images, 16 at least and 64 at most. */
export function batchFor(images: number): number {
  return Math.min(64, Math.max(16, 2 ** Math.round(Math.log2(Math.max(1, images) / STEPS_PER_EPOCH))));
}

/** A stretch of training: about so many steps in all, between so many epochs. */
interface Length {
  readonly steps: number;
  readonly least: number;
  readonly most: number;
}

/** Why training goes on. Lengths are those that the digits' recipes get by with, and six epochs or more over many images. */
const LENGTHS = {
  /** From weights that know nothing. */
  scratch: { steps: 320, least: 12, most: 40 },
  /** On to data that the weights know little of. */
  tune: { steps: 100, least: 3, most: 10 },
  /** After something has gone. */
  retrain: { steps: 200, least: 6, most: 20 },
} as const satisfies Record<string, Length>;

export type Purpose = keyof typeof LENGTHS;

/** clamp(⌈steps / steps of an epoch⌉, least, most) */
export function epochsFor(
  purpose: Purpose,
  { images, batch }: { readonly images: number; readonly batch: number },
): number {
  const { steps, least, most } = LENGTHS[purpose];
  return Math.min(most, Math.max(least, Math.ceil(steps / Math.ceil(images / batch))));
}

/** Rates for a batch of 64; with another one they change by the root of the ratio, and are half as large on weights that know something. */
const RATES: Readonly<Record<Grounds["norms"], number>> = { batch: 0.07, none: 0.02, layer: 0.002 };

/**
 * To one digit. From weights that know nothing a network without shortcuts takes half of it: what a unit that a step has
 * killed doesn't let through is lost to all layers behind. At the whole rate one of 32,000 parameters, trained on 122 images
 * and halved, had 90.0 % of test images right (five seeds, 83 to 97 %), at half of it 95.0 % (89 to 97 %).
 */
export function rateFor(purpose: Purpose, { norms, shortcuts }: Pick<Grounds, "norms" | "shortcuts">, batch: number) {
  const whole = purpose === "scratch" && !(norms === "batch" && shortcuts === "none");
  return Number((RATES[norms] * Math.sqrt(batch / 64) * (whole ? 1 : 0.5)).toPrecision(1));
}

/** Keys of a stage or of `retrain`, as a recipe has them. */
export interface ChosenTraining {
  readonly epochs: number;
  readonly optimizer: Readonly<Record<string, string | number | boolean>>;
  readonly schedule: Readonly<Record<string, string | number>>;
}

export function trainingFor(purpose: Purpose, grounds: Grounds, epochs?: number): ChosenTraining {
  const { images, norms } = grounds;
  const batch = batchFor(images);
  const lr = rateFor(purpose, grounds, batch);
  const chosen = epochs ?? epochsFor(purpose, { images, batch });
  return {
    epochs: chosen,
    optimizer: norms === "layer"
      ? { kind: "adamw", lr, weightDecay: 0.05 }
      : { kind: "sgd", lr, momentum: 0.9, weightDecay: 5e-4, nesterov: true },
    schedule: { kind: "cosine", ...chosen > 1 && { warmup: purpose === "scratch" ? 1 : 0.5 } },
  };
}
