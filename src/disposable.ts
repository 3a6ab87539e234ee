/**
 * What `using` needs at run time, for browsers that lack it (Safari): a bundler lowers the statement, but `Symbol.dispose`
 * and `DisposableStack` are the runtime's. A module that defines a class with `[Symbol.dispose]`, or uses a stack, imports
 * this first.
 */
if (!Symbol.dispose) {
  // Bundlers' lowered `using` looks for this one where there is no other.
  Object.defineProperty(Symbol, "dispose", { value: Symbol.for("Symbol.dispose") });
}

/** The part of DisposableStack that is used here. */
class Stack implements Disposable {
  readonly #disposals: (() => void)[] = [];

  use<T extends Disposable | null | undefined>(resource: T): T {
    if (resource) this.#disposals.push(() => resource[Symbol.dispose]());
    return resource;
  }

  adopt<T>(value: T, dispose: (value: T) => void): T {
    this.#disposals.push(() => dispose(value));
    return value;
  }

  defer(dispose: () => void): void {
    this.#disposals.push(dispose);
  }

  /** The last one first, all of them; then throws the last error, if there was one. */
  dispose(): void {
    const errors: unknown[] = [];
    for (const dispose of this.#disposals.splice(0).reverse()) {
      try {
        dispose();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors.at(-1);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

globalThis.DisposableStack ??= Stack as unknown as typeof DisposableStack;
