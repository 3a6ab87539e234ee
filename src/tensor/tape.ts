/**
 * Differentiates in reverse mode: each op records how its output's gradient becomes its inputs' gradients; `backward`
 * plays the records in reverse. A step has one tape, which owns every tensor that ops make through it.
 */
import "../disposable.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { accumulate, fill } from "./ops/inplace.ts";
import { type Dtype, Tensor } from "./tensor.ts";

/** In "train" dropout drops and batch norm uses the batch; in "eval" neither happens. */
export type Mode = "train" | "eval";

/**
 * Given the gradient of an op's output, computes those of its inputs and adds them (`target`, `add`). An op that was
 * recorded as one that takes two may get a second gradient, of which the first one is yet to be added.
 */
export type Backward = (dy: Tensor, more?: Tensor) => void;

interface Entry {
  readonly output: Tensor;
  readonly backward: Backward;
}

interface Gradient {
  /** Somebody asked for it: it outlives `backward`. */
  readonly watched: boolean;
  /** The caller wants it here (a slice of the gradient arena), if anywhere. */
  readonly slot?: Tensor;
  value?: Tensor;
  /** The op that made the tensor adds a second gradient to `value` by itself. */
  readonly takes?: "two";
  more?: Tensor;
}

/** Owns the tensors of one step and knows how gradients flow back through it. */
export class Tape {
  readonly #entries: Entry[] = [];
  readonly #owned = new Set<Tensor>();
  readonly #gradients = new Map<Tensor, Gradient>();
  #current: Tensor | undefined;

  /**
   * Makes a tape in one mode, without any tensor yet.
   * @param allocate Ops' outputs come from here, if not from the pool: the tape doesn't free those.
   */
  constructor(
    readonly gpu: Gpu,
    readonly mode: Mode,
    readonly allocate?: (shape: readonly number[], dtype: Dtype) => Tensor,
  ) {}

  /** Makes a tensor with undefined contents that the tape frees. */
  empty(shape: readonly number[], dtype: Dtype = "f32"): Tensor {
    return this.allocate?.(shape, dtype) ?? this.own(Tensor.empty(this.gpu, shape, dtype));
  }

  /** Frees the tensor with the tape. Gives it back. */
  own(tensor: Tensor): Tensor {
    this.#owned.add(tensor);
    return tensor;
  }

  /**
   * Asks for d(loss)/d(t), written into `gradient` where given. Of what an op made, ask before another op reads it: it
   * then lives as long as the tape, and so does its gradient.
   */
  watch(t: Tensor, gradient?: Tensor): void {
    this.#gradients.set(t, { watched: true, slot: gradient });
  }

  /** Says whether a gradient has to flow to this tensor. */
  needs(t: Tensor): boolean {
    return this.#gradients.has(t);
  }

  /**
   * Records an op. In eval mode, or when nobody needs any input's gradient, nothing is kept.
   * @param takes "two" where the op adds two gradients of its output by itself, if there are two
   */
  record(inputs: readonly Tensor[], output: Tensor, backward: Backward, takes: "one" | "two" = "one"): void {
    if (!inputs.some((x) => this.needs(x))) return;
    if (!this.#gradients.has(output)) {
      this.#gradients.set(output, { watched: false, ...takes === "two" && { takes } });
    }
    this.#entries.push({ output, backward });
  }

  /** Says in a backward function where to write the gradient of `x`. Hand it in with `add`. */
  target(x: Tensor): Tensor {
    const gradient = this.#gradients.get(x);
    if (gradient?.slot && !gradient.value) return gradient.slot;
    return this.empty(x.shape);
  }

  /**
   * Adds, in a backward function, `dx` (from `target`, made with `empty`, or the output's own `dy`) to the gradient of
   * `x`. The tape takes `dx` over: don't write to it any more.
   */
  add(x: Tensor, dx: Tensor): void {
    const gradient = this.#gradients.get(x);
    if (!gradient) {
      if (dx !== this.#current) this.#free(dx);
      return;
    }
    // The output's gradient is freed after its op: what goes on using its storage needs a reference of its own.
    if (dx === this.#current) dx = this.own(dx.view(x.shape));
    if (gradient.value && gradient.takes === "two" && !gradient.more) gradient.more = dx;
    else if (gradient.value) {
      if (gradient.value !== gradient.slot && gradient.value.buffer.references > 1) this.#unshare(gradient);
      accumulate(this.gpu, gradient.value, dx);
      this.#free(dx);
    } else if (gradient.slot && dx !== gradient.slot) {
      this.gpu.copy(dx, gradient.slot);
      gradient.value = gradient.slot;
      this.#free(dx);
    } else {
      gradient.value = dx;
    }
  }

  /**
   * Gives, in a backward function, the gradient of `x` so far, zeros if there is none, to be added to in place. `x`
   * needs one.
   */
  accumulator(x: Tensor): Tensor {
    const gradient = this.#gradients.get(x)!;
    if (!gradient.value) {
      gradient.value = gradient.slot ?? this.empty(x.shape);
      this.gpu.clear(gradient.value);
    } else if (gradient.value !== gradient.slot && gradient.value.buffer.references > 1) this.#unshare(gradient);
    if (gradient.more) {
      accumulate(this.gpu, gradient.value, gradient.more);
      this.#free(gradient.more);
      gradient.more = undefined;
    }
    return gradient.value;
  }

  /**
   * Differentiates `loss` (its own gradient is 1, or `seed`). Activations and their gradients are freed as soon as they
   * are used up, but for those that are watched, so peak memory is the forward pass's.
   */
  backward(loss: Tensor, seed?: Tensor): void {
    if (!this.needs(loss)) throw new Error("the loss depends on nothing that was watched: call tape.watch first");
    let one = seed;
    if (!one) {
      one = this.empty(loss.shape);
      fill(this.gpu, one, 1);
    }
    this.add(loss, one);
    // From here on gradients are wanted only where the loss came through; entries off that path have none and are
    // skipped.
    for (let entry = this.#entries.pop(); entry; entry = this.#entries.pop()) {
      const { output } = entry;
      const { value: dy, more, watched } = this.#gradients.get(output)!;
      this.#current = dy;
      if (dy) entry.backward(dy, more);
      this.#current = undefined;
      if (more) this.#free(more);
      if (output === loss || watched) continue;
      this.#gradients.delete(output);
      if (dy) this.#free(dy);
      this.#free(output);
    }
  }

  /** Gives the gradient of a watched tensor after `backward`, or undefined if the loss doesn't depend on it. */
  gradient(x: Tensor): Tensor | undefined {
    return this.#gradients.get(x)?.value;
  }

  /** Frees everything that the tape still owns. */
  dispose(): void {
    for (const tensor of this.#owned) tensor.dispose();
    this.#owned.clear();
    this.#entries.length = 0;
    this.#gradients.clear();
  }

  /** Does what `dispose` does. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** A gradient that shares its storage with another one is copied before it is added to. */
  #unshare(gradient: Gradient): void {
    const shared = gradient.value!;
    gradient.value = this.empty(shared.shape);
    this.gpu.copy(shared, gradient.value);
    this.#free(shared);
  }

  #free(tensor: Tensor): void {
    if (this.#owned.delete(tensor)) tensor.dispose();
  }
}
