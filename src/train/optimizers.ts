/** Optimizers by name, as a training's options give them. */
import type { OptimizerOptions } from "../tensor/optimizer.ts";
import { show, UserError } from "../errors.ts";
import { chooseByKind, type KnownKeys, refuseUnknownKeys } from "../validation/choice.ts";

/**
 * `weightDecay` of sgd and adam is added to the gradient, that of adamw shrinks the weights directly; it applies to
 * parameters of role weight, not to biases, γ and β. Defaults are PyTorch's.
 */
export type OptimizerSettings = SgdSettings | AdamSettings;

/** Stochastic gradient descent. */
export interface SgdSettings {
  /** Names it. */
  readonly kind: "sgd";
  /** Learning rate, which the schedule multiplies. */
  readonly lr: number;
  /** Default 0.9. */
  readonly momentum?: number;
  /** Default false: heavy ball. */
  readonly nesterov?: boolean;
  /** Default 0. */
  readonly weightDecay?: number;
}

/** Adam (Kingma and Ba, arXiv 1412.6980), or AdamW (Loshchilov and Hutter, arXiv 1711.05101). */
export interface AdamSettings {
  /** Names it. */
  readonly kind: "adam" | "adamw";
  /** Learning rate, which the schedule multiplies. */
  readonly lr: number;
  /** Default 0.9. */
  readonly beta1?: number;
  /** Default 0.999. */
  readonly beta2?: number;
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** Default 0 for adam, 0.01 for adamw. */
  readonly weightDecay?: number;
}

const DEFAULT_DECAY: Readonly<Record<OptimizerSettings["kind"], number>> = { sgd: 0, adam: 0, adamw: 0.01 };

const ADAM: KnownKeys<AdamSettings> = {
  kind: true,
  lr: true,
  beta1: true,
  beta2: true,
  epsilon: true,
  weightDecay: true,
};
const SGD: KnownKeys<SgdSettings> = { kind: true, lr: true, momentum: true, nesterov: true, weightDecay: true };
const KNOWN: Readonly<Record<OptimizerSettings["kind"], object>> = { sgd: SGD, adam: ADAM, adamw: ADAM };

/**
 * The settings in the words of the tensor library.
 * @throws UserError for an unknown kind or setting, or a rate that is no number
 */
export function optimizerOptions(settings: OptimizerSettings): OptimizerOptions {
  const known = chooseByKind("optimizer", settings, KNOWN);
  refuseUnknownKeys(`optimizer ${settings.kind}`, settings, Object.keys(known));
  if (!(settings.lr >= 0 && Number.isFinite(settings.lr))) {
    throw new UserError(`optimizer ${settings.kind}: lr is ${show(settings.lr)}, expected a number of at least 0`);
  }
  if (settings.kind !== "sgd") return settings;
  return { kind: "sgd", momentum: settings.momentum, form: settings.nesterov ? "nesterov" : "heavy-ball" };
}

/** Weight decay of parameters of role weight. */
export function weightDecayOf({ kind, weightDecay }: OptimizerSettings): number {
  return weightDecay ?? DEFAULT_DECAY[kind];
}
