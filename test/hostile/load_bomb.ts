/** Loads one archive in a process of its own: `deno run -A load_bomb.ts ARCHIVE`. Prints how it ended and its peak memory. */
import { loadPart } from "../../src/data/deno.ts";

const [path] = Deno.args;
const ended = await loadPart(`folder:${path}`, "all", { cacheDir: `${path}.cache` }).then(
  ({ data }) => `loaded ${data.count} images`,
  (error) => `${error.name}: ${error.message}`,
);
const peak = /VmHWM:\s*(\d+) kB/.exec(await Deno.readTextFile("/proc/self/status"));
console.log(JSON.stringify({ ended, peakBytes: 1024 * Number(peak![1]) }));
