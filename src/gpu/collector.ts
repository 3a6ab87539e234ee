/**
 * Memory that WebGPU gives no way to free by name, such as pipelines and the blocks of the driver's allocator, goes
 * when the garbage collector comes to the objects that stand for it. To the collector those are a few bytes each, so
 * that under Deno ten devices, opened and closed in turn, could all lie in memory at once. Browsers free a destroyed
 * device themselves.
 */

/** This is more than any address space has: before V8 gives up on it, it collects all garbage that there is. */
const IMPOSSIBLE_BYTES = 2 ** 50;

/** What the collector finds is freed in tasks of its own; most of them are done after this time. */
const FREED_MS = 50;

let giveBack = () => {};

/** Names the process's own way to give freed memory back to the system. */
export function giveBackBy(way: () => void): void {
  giveBack = way;
}

/** Gives back what earlier devices left: before a new one is opened, and after each collection. */
export function giveFreedMemoryBack(): void {
  giveBack();
}

/** So many times as long as collections took nothing is collected after them: they take a tenth of the time at most. */
const REST = 9;
/** A process that has nothing left to do is held up for no longer than this. */
const LONGEST_REST_MS = 1000;

/**
 * Gives a function that has `collect` called twice: once the code that runs now has returned, and a little later, for
 * what a device that was still being destroyed kept from the first time. Where devices are opened and closed in quick
 * succession, as the self-test does, one pair of collections serves several: with much on the heap, each takes longer
 * than a device's work.
 */
export function spacedCollections(collect: () => void, after: () => void): () => void {
  let state: "idle" | "waiting" | "collecting" = "idle", asked = false, restUntil = 0;
  const timed = () => {
    const started = performance.now();
    collect();
    return performance.now() - started;
  };
  const soon = () => {
    asked = true;
    if (state !== "idle") return;
    state = "waiting";
    setTimeout(() => {
      state = "collecting";
      asked = false;
      const firstMs = timed();
      setTimeout(() => {
        const ms = firstMs + timed();
        after();
        restUntil = performance.now() + Math.min(LONGEST_REST_MS, REST * ms);
        state = "idle";
        if (asked) soon();
      }, FREED_MS);
    }, Math.max(0, restUntil - performance.now()));
  };
  return soon;
}

const soon = spacedCollections(collect, giveFreedMemoryBack);

/** Makes Deno collect garbage soon, and with it let go of what it holds of closed devices. */
export function collectSoon(): void {
  if (globalThis.navigator?.userAgent?.startsWith("Deno/")) soon();
}

/** A process that was started with V8's `--expose-gc` has a name for it: then it is one collection in place of several. */
function collect(): void {
  const { gc } = globalThis as { readonly gc?: () => void };
  if (gc) return gc();
  try {
    new ArrayBuffer(IMPOSSIBLE_BYTES);
  } catch { /* as it should */ }
}
