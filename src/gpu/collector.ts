/**
 * Memory that WebGPU gives no way to free by name, such as pipelines and the blocks of the driver's allocator, goes when the
 * garbage collector comes to the objects that stand for it. To the collector those are a few bytes each, so that under
 * Deno ten devices, opened and closed in turn, could all lie in memory at once. Browsers free a destroyed device themselves.
 */

/** More than any address space has: before V8 gives up on it, it collects all garbage that there is. */
const IMPOSSIBLE_BYTES = 2 ** 50;

/** Makes Deno collect garbage once the code that runs now has returned, and with it let go of what it holds. */
export function collectSoon(): void {
  if (!globalThis.navigator?.userAgent?.startsWith("Deno/")) return;
  setTimeout(() => {
    try {
      new ArrayBuffer(IMPOSSIBLE_BYTES);
    } catch { /* as it should */ }
  }, 0);
}
