/** A network that a search has found, as stages of a recipe: its widths layer by layer, whatever scores say after training. */
import { milliseconds } from "../report/format.ts";
import type { ChosenTraining } from "./training_choice.ts";

export interface SearchedNetwork {
  readonly criterion: string;
  /** Layers, each for those that are coupled with it, of which filters go, and how many of them stay. */
  readonly widths: readonly { readonly layer: string; readonly keep: number; readonly groups: number }[];
  /** Blocks that are a linear layer. */
  readonly linear: readonly string[];
  /** What it was made by, for people. */
  readonly words: string;
  /** So many networks were looked at. */
  readonly looked: number;
  /** It takes so long on the device. */
  readonly ms: number;
  readonly device: string;
}

type Stage = Readonly<Record<string, unknown>>;

/** How the found network is reached and trained. */
interface Reached {
  readonly steps?: number;
  readonly retrain: ChosenTraining;
}

export function searchedStages(
  { criterion, widths, linear }: SearchedNetwork,
  { retrain, ...steps }: Reached,
): Stage[] {
  const constraints = widths.map(({ layer, keep, groups }) => ({
    kind: "filter",
    layers: layer,
    keep: fractionFor(keep, groups),
  }));
  return [
    ...linear.length > 0 ? [{ kind: "linearize", blocks: linear }] : [],
    widths.length > 0 ? { kind: "prune", criterion, constraints, ...steps, retrain } : { kind: "train", ...retrain },
  ];
}

/** The shortest decimal of which `round(fraction · groups)` is `keep`. */
export function fractionFor(keep: number, groups: number): number {
  for (let digits = 1;; digits++) {
    const fraction = Number((keep / groups).toFixed(digits));
    if (fraction > 0 && Math.round(fraction * groups) === keep) return fraction;
  }
}

export function searchedReason({ words, looked, ms, device }: SearchedNetwork, askedMs: number): string {
  return `budget: ${milliseconds(askedMs)} ms on ${device}; the best of ${looked} networks before training, ${
    milliseconds(ms)
  } ms there: ${words}`;
}
