/**
 * Memory that WebGPU gives no way to free by name, such as pipelines and the blocks of the driver's allocator, goes when the
 * garbage collector comes to the objects that stand for it. To the collector those are a few bytes each, so that under
 * Deno ten devices, opened and closed in turn, could all lie in memory at once. Browsers free a destroyed device themselves.
 */

/** More than any address space has: before V8 gives up on it, it collects all garbage that there is. */
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

/**
 * Makes Deno collect garbage once the code that runs now has returned, and with it let go of what it holds; and again a
 * little later, for what a device that was still being destroyed kept from the first time.
 */
export function collectSoon(): void {
  if (!globalThis.navigator?.userAgent?.startsWith("Deno/")) return;
  setTimeout(() => {
    collect();
    setTimeout(() => {
      collect();
      giveFreedMemoryBack();
    }, FREED_MS);
  }, 0);
}

function collect(): void {
  try {
    new ArrayBuffer(IMPOSSIBLE_BYTES);
  } catch { /* as it should */ }
}
