/** Learning rates as functions of progress. Pure. */
import { show, UserError } from "../errors.ts";
import { chooseByKind, type KnownKeys, refuseUnknownKeys } from "../validation/choice.ts";

/** How the learning rate changes over a period; `warmup` is in epochs. */
export type Schedule =
  | { readonly kind: "constant"; readonly warmup?: number }
  | { readonly kind: "cosine"; readonly warmup?: number }
  | {
    readonly kind: "restart";
    readonly warmup?: number;
    /** The learning rate that training began with, above 0, in place of the optimizer's own; default: the optimizer's. */
    readonly rate?: number;
  }
  | {
    readonly kind: "step";
    readonly warmup?: number;
    /** Fractions of the period, in (0, 1), after each of which the rate is multiplied by `gamma`. */
    readonly milestones: readonly number[];
    readonly gamma?: number;
  };

/**
 * Learning rate at `epoch` (fractional) of a period of `epochs`. Warm-up rises linearly over its first `warmup` epochs;
 * cosine falls to 0 at the end: lr·½(1 + cos πt); restart is the same descent from the rate that the network was trained at
 * first, for fine-tuning (Renda et al. 2020, arXiv 2003.02389: rewinding the learning rate); step multiplies by gamma (default 0.1) after each milestone.
 */
export function learningRate(lr: number, schedule: Schedule, epoch: number, epochs: number): number {
  const top = schedule.kind === "restart" ? schedule.rate ?? lr : lr;
  const warmup = Math.min(schedule.warmup ?? 0, epochs / 2);
  if (epoch < warmup) return top * (epoch + WARMUP_START * (warmup - epoch)) / warmup;
  return top * FACTORS[schedule.kind](schedule as never, { epoch, epochs, warmup });
}

/** @throws UserError for a kind of schedule that doesn't exist, a setting that this kind doesn't have, or a rate that is none */
export function checkSchedule(schedule: Schedule): void {
  const known = chooseByKind<object>("schedule", schedule, KNOWN);
  refuseUnknownKeys(`schedule ${schedule.kind}`, schedule, Object.keys(known));
  const rate = schedule.kind === "restart" ? schedule.rate : undefined;
  if (rate !== undefined && !(rate > 0 && Number.isFinite(rate))) {
    throw new UserError(`schedule restart: rate is ${show(rate)}, expected a number above 0`);
  }
}

/** Warm-up begins at this fraction of the rate: the first steps should not be idle. */
const WARMUP_START = 0.1;

interface Place {
  readonly epoch: number;
  readonly epochs: number;
  readonly warmup: number;
}

/** What the rate is multiplied by after warm-up. */
const FACTORS: { readonly [Kind in Schedule["kind"]]: (schedule: Of<Kind>, place: Place) => number } = {
  constant: () => 1,
  cosine: (_schedule, place) => halfCosine(place),
  restart: (_schedule, place) => halfCosine(place),
  step({ milestones, gamma = 0.1 }, { epoch, epochs }) {
    return gamma ** milestones.filter((milestone) => epoch >= milestone * epochs).length;
  },
};

function halfCosine({ epoch, epochs, warmup }: Place): number {
  const t = epochs > warmup ? (epoch - warmup) / (epochs - warmup) : 0;
  return 0.5 * (1 + Math.cos(Math.PI * Math.min(1, t)));
}

const KNOWN: { readonly [Kind in Schedule["kind"]]: KnownKeys<Of<Kind>> } = {
  constant: { kind: true, warmup: true },
  cosine: { kind: true, warmup: true },
  restart: { kind: true, warmup: true, rate: true },
  step: { kind: true, warmup: true, milestones: true, gamma: true },
};

type Of<Kind> = Extract<Schedule, { readonly kind: Kind }>;
