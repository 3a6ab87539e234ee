/**
 * Says whether the page is seen. A hidden page's GPU work is slowed down or put off, so what was measured then is
 * doubtful.
 */

/** This says why a row is in doubt that was measured meanwhile. */
export const HIDDEN = "the page was hidden meanwhile";

/** It is as `document.visibilityState` has it. */
export type VisibilityState = "visible" | "hidden";

/** The page posts what it is told (`set`); the session asks and waits. */
export interface Visibility {
  /** This was told last. */
  readonly state: VisibilityState;
  /** Tells the state. */
  set(state: VisibilityState): void;
  /** Calls the listener at each change; gives what ends that. */
  onChange(listener: (state: VisibilityState) => void): () => void;
}

/** Makes a visibility that its owner tells; without that it stays as it began. */
export function createVisibility(initial: VisibilityState = "visible"): Visibility {
  let state = initial;
  const listeners = new Set<(state: VisibilityState) => void>();
  return {
    get state() {
      return state;
    },
    set(next) {
      if (next === state) return;
      state = next;
      for (const listener of [...listeners]) listener(next);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** Resolves when the page is seen, or when the signal aborts. */
export function untilVisible(visibility: Visibility, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (visibility.state === "visible" || signal?.aborted) return resolve();
    const done = () => {
      stop();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const stop = visibility.onChange((state) => state === "visible" && done());
    signal?.addEventListener("abort", done);
  });
}
