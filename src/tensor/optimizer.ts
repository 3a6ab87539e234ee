import {
  bindingWindows,
  BLOCK_ELEMENTS,
  type Extra,
  type PenaltyKind,
  planAdam,
  planMask,
  planPenalty,
  planSgd,
} from "../../kernels/optim/plan.ts";
import type { Gpu, Slice } from "../gpu/gpu.ts";
import { type Arena, type ArenaLayout, createArena } from "./arena.ts";
import { partOf, Tensor } from "./tensor.ts";

/** Says what to run. The defaults are PyTorch's: momentum 0.9 and heavy ball, or β 0.9 and 0.999 and ε 1e-8. */
export type OptimizerOptions = (SgdOptions | AdamOptions) & {
  /** One dispatch binds at most so many bytes of an arena, by default the device's limit. */
  readonly windowBytes?: number;
};

/** These are the options of stochastic gradient descent with momentum. */
export interface SgdOptions {
  /** The optimizer has this name. */
  readonly kind: "sgd";
  /** It is 0.9 by default. */
  readonly momentum?: number;
  /** It is "heavy-ball" by default. */
  readonly form?: "heavy-ball" | "nesterov";
}

/** These are the options of Adam, or of AdamW, whose decay stands apart from the gradient. */
export interface AdamOptions {
  /** The optimizer has this name. */
  readonly kind: "adam" | "adamw";
  /** It is 0.9 by default. */
  readonly beta1?: number;
  /** It is 0.999 by default. */
  readonly beta2?: number;
  /** It is 1e-8 by default. */
  readonly epsilon?: number;
}

/** Says how one parameter is treated. By default weightDecay and rho are 0, lrScale is 1, and it is trained. */
export interface Segment {
  /** It is 0 by default. */
  readonly weightDecay?: number;
  /** This is the sum of ρ_c over the constraints on this parameter: the pull is rho·(w − target). */
  readonly rho?: number;
  /** The learning rate is multiplied by it. */
  readonly lrScale?: number;
  /** True leaves the parameter and its moments alone. */
  readonly frozen?: boolean;
}

/**
 * This is one update. The arenas have the optimizer's layout; `target` and `mask` are optional parts of the arithmetic.
 */
export interface OptimizerStep {
  /** This is the learning rate. */
  readonly lr: number;
  /** These are updated. */
  readonly weights: Slice;
  /** These are the gradients of the loss by the weights. */
  readonly gradients: Slice;
  /** It is T = Σρ_c(Z_c − U_c)/Σρ_c. Without it no segment is pulled. */
  readonly target?: Slice;
  /** It is 0 or 1 per element; where it is 0, weight and moments become exactly 0. */
  readonly mask?: Slice;
}

/** This is an optimizer with its moments on the device. */
export interface Optimizer {
  /** This says which optimizer it is. */
  readonly kind: OptimizerOptions["kind"];
  /** All arenas that it is given have this layout. */
  readonly layout: ArenaLayout;
  /** It has "momentum" for SGD, and "moment1" and "moment2" for Adam: what a checkpoint stores beside `steps`. */
  readonly state: ReadonlyMap<string, Arena>;
  /** So many updates were done since the moments were zero (Adam's t). Set it when restoring a checkpoint. */
  steps: number;
  /** Replaces the treatment of every parameter; one that `treat` gives nothing for has the defaults. */
  setSegments(treat: (name: string) => Segment | undefined): void;
  /** Records one update. */
  step(update: OptimizerStep): void;
  /** Sets moments and t to 0. */
  reset(): void;
  /** Gives the moments back. */
  dispose(): void;
  /** Does what `dispose` does. */
  [Symbol.dispose](): void;
}

/**
 * Makes SGD with momentum, Adam or AdamW over an arena: weight decay, ADMM pull, mask and update in one dispatch per
 * binding window (one, unless the arena exceeds the device's limit). Its semantics are PyTorch's; kernels/optim/*.wgsl
 * have the formulas.
 */
export function createOptimizer(gpu: Gpu, layout: ArenaLayout, options: OptimizerOptions): Optimizer {
  const windows = bindingWindows(
    layout.elements,
    Math.min(options.windowBytes ?? Infinity, gpu.bindingBytes),
  );
  const names = options.kind === "sgd" ? ["momentum"] : ["moment1", "moment2"];
  const state = new Map(names.map((name) => [name, createArena(gpu, layout, name)]));
  const moments = [...state.values()];
  const segmentOf = Tensor.from(gpu, blockSegments(layout), [layout.elements / BLOCK_ELEMENTS]);
  const segments = Tensor.empty(gpu, [Math.max(1, layout.slots.length), 4]);

  const optimizer: Optimizer = {
    kind: options.kind,
    layout,
    state,
    steps: 0,
    setSegments(treat) {
      gpu.write(segments, segmentTable(layout, treat));
    },
    step({ lr, weights, gradients, target, mask }) {
      for (const slice of [weights, gradients, target, mask]) if (slice) checkLength(layout, slice);
      const t = ++optimizer.steps;
      const extras: Extra[] = [];
      if (target) extras.push("pull");
      if (mask) extras.push("mask");
      for (const window of windows) {
        const at = (slice: Slice) => partOf(slice, window.first, window.elements);
        const plan = options.kind === "sgd"
          ? planSgd({ lr, momentum: options.momentum ?? 0.9, form: options.form ?? "heavy-ball" }, extras, window)
          : planAdam(
            {
              lr,
              beta1: options.beta1 ?? 0.9,
              beta2: options.beta2 ?? 0.999,
              epsilon: options.epsilon ?? 1e-8,
              decay: options.kind === "adamw" ? "decoupled" : "coupled",
              t,
            },
            extras,
            window,
          );
        const read = [gradients, target ?? gradients, mask ?? gradients].map(at);
        gpu.run(plan, [at(weights), ...moments.map(at), ...read, segmentOf, segments], `${layout.elements} elements`);
      }
    },
    reset() {
      optimizer.steps = 0;
      for (const moment of moments) moment.zero();
    },
    dispose() {
      for (const moment of moments) moment.dispose();
      segmentOf.dispose();
      segments.dispose();
    },
    [Symbol.dispose]() {
      optimizer.dispose();
    },
  };
  optimizer.setSegments(() => undefined);
  return optimizer;
}

/**
 * Prunes for good: `x` becomes exactly 0 where `mask` is 0. Both are arenas of one layout, or tensors of ≥ 1 whole
 * block.
 */
export function applyMask(gpu: Gpu, x: Slice, mask: Slice): void {
  if (x.byteLength !== mask.byteLength || x.byteLength % (4 * BLOCK_ELEMENTS) !== 0) {
    throw new RangeError(`applyMask: ${x.byteLength} and ${mask.byteLength} bytes are not two arenas of one layout`);
  }
  for (const window of bindingWindows(x.byteLength / 4, gpu.bindingBytes)) {
    const at = (slice: Slice) => partOf(slice, window.first, window.elements);
    gpu.run(planMask(window), [at(x), at(mask)], `${x.byteLength / 4} elements`);
  }
}

/**
 * Adds strength·p·sign(w) ("l1") or strength·p·w ("l2") to the gradients, the slopes of strength·Σp|w| and of half of
 * strength·Σp·w². All are arenas of one layout; p is each element's share, 0 for none.
 */
export function addPenalty(
  gpu: Gpu,
  kind: PenaltyKind,
  strength: number,
  { gradients, weights, shares }: { readonly gradients: Slice; readonly weights: Slice; readonly shares: Slice },
): void {
  if (gradients.byteLength !== weights.byteLength || shares.byteLength !== weights.byteLength) {
    throw new RangeError(
      `addPenalty: ${gradients.byteLength}, ${weights.byteLength} and ${shares.byteLength} bytes are not arenas of one layout`,
    );
  }
  for (const window of bindingWindows(weights.byteLength / 4, gpu.bindingBytes)) {
    const at = (slice: Slice) => partOf(slice, window.first, window.elements);
    gpu.run(
      planPenalty(kind, strength, window),
      [gradients, weights, shares].map(at),
      `${weights.byteLength / 4} elements`,
    );
  }
}

function blockSegments(layout: ArenaLayout): Uint32Array {
  const ids = new Uint32Array(layout.elements / BLOCK_ELEMENTS);
  layout.slots.forEach(({ offset, size }, segment) => {
    ids.fill(segment, offset / BLOCK_ELEMENTS, Math.ceil((offset + size) / BLOCK_ELEMENTS));
  });
  return ids;
}

function segmentTable(layout: ArenaLayout, treat: (name: string) => Segment | undefined): Float32Array {
  const table = new Float32Array(Math.max(1, layout.slots.length) * 4);
  layout.slots.forEach(({ name }, i) => {
    const { weightDecay = 0, rho = 0, lrScale = 1, frozen = false } = treat(name) ?? {};
    table.set([weightDecay, rho, lrScale, frozen ? 0 : 1], 4 * i);
  });
  return table;
}

function checkLength(layout: ArenaLayout, slice: Slice): void {
  if (slice.byteLength !== layout.elements * 4) {
    throw new RangeError(`optimizer: an arena of ${slice.byteLength} bytes, its layout has ${layout.elements * 4}`);
  }
}
