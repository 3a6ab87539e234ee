import { bindingWindows, BLOCK_ELEMENTS, type Extra, planAdam, planMask, planSgd } from "../../kernels/optim/plan.ts";
import type { Gpu, Slice } from "../gpu/gpu.ts";
import { type Arena, type ArenaLayout, createArena } from "./arena.ts";
import { partOf, Tensor } from "./tensor.ts";

/** What to run. Defaults: momentum 0.9, heavy ball; β 0.9 and 0.999, ε 1e-8 (PyTorch's). */
export type OptimizerOptions = (SgdOptions | AdamOptions) & {
  /** Most bytes of an arena that one dispatch binds. Default: the device's limit. */
  readonly windowBytes?: number;
};

/** Stochastic gradient descent with momentum. */
export interface SgdOptions {
  /** Names it. */
  readonly kind: "sgd";
  /** Default 0.9. */
  readonly momentum?: number;
  /** Default "heavy-ball". */
  readonly form?: "heavy-ball" | "nesterov";
}

/** Adam, or AdamW, whose decay stands apart from the gradient. */
export interface AdamOptions {
  /** Names it. */
  readonly kind: "adam" | "adamw";
  /** Default 0.9. */
  readonly beta1?: number;
  /** Default 0.999. */
  readonly beta2?: number;
  /** Default 1e-8. */
  readonly epsilon?: number;
}

/** How one parameter is treated. Defaults: weightDecay 0, rho 0, lrScale 1, trained. */
export interface Segment {
  /** Default 0. */
  readonly weightDecay?: number;
  /** Sum of ρ_c over the constraints on this parameter: the pull is rho·(w − target). */
  readonly rho?: number;
  /** Factor on the learning rate. */
  readonly lrScale?: number;
  /** Leave the parameter and its moments alone. */
  readonly frozen?: boolean;
}

/** One update. The arenas have the optimizer's layout; `target` and `mask` are optional parts of the arithmetic. */
export interface OptimizerStep {
  /** Learning rate. */
  readonly lr: number;
  /** What is updated. */
  readonly weights: Slice;
  /** Of the loss by the weights. */
  readonly gradients: Slice;
  /** T = Σρ_c(Z_c − U_c)/Σρ_c. Without it no segment is pulled. */
  readonly target?: Slice;
  /** 0 or 1 per element: where 0, weight and moments become exactly 0. */
  readonly mask?: Slice;
}

/** An optimizer with its moments on the device. */
export interface Optimizer {
  /** Which one it is. */
  readonly kind: OptimizerOptions["kind"];
  /** Of all arenas that it is given. */
  readonly layout: ArenaLayout;
  /** "momentum" for SGD; "moment1" and "moment2" for Adam: what a checkpoint stores beside `steps`. */
  readonly state: ReadonlyMap<string, Arena>;
  /** Updates done since the moments were zero (Adam's t). Set it when restoring a checkpoint. */
  steps: number;
  /** Replaces the treatment of every parameter; one that `treat` gives nothing for has the defaults. */
  setSegments(treat: (name: string) => Segment | undefined): void;
  /** Records one update. */
  step(update: OptimizerStep): void;
  /** Moments 0, t = 0. */
  reset(): void;
  /** Gives the moments back. */
  dispose(): void;
  /** As `dispose`. */
  [Symbol.dispose](): void;
}

/**
 * SGD with momentum, Adam or AdamW over an arena: weight decay, ADMM pull, mask and update in one dispatch per binding
 * window (one, unless the arena exceeds the device's limit). PyTorch's semantics; formulas in kernels/optim/*.wgsl.
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

/** The hard prune: `x` becomes exactly 0 where `mask` is 0. Both are arenas of one layout, or tensors of ≥ 1 whole block. */
export function applyMask(gpu: Gpu, x: Slice, mask: Slice): void {
  if (x.byteLength !== mask.byteLength || x.byteLength % (4 * BLOCK_ELEMENTS) !== 0) {
    throw new RangeError(`applyMask: ${x.byteLength} and ${mask.byteLength} bytes are not two arenas of one layout`);
  }
  for (const window of bindingWindows(x.byteLength / 4, gpu.bindingBytes)) {
    const at = (slice: Slice) => partOf(slice, window.first, window.elements);
    gpu.run(planMask(window), [at(x), at(mask)], `${x.byteLength / 4} elements`);
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
