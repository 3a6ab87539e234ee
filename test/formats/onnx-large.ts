/** Imports a file of 100 MB and prints what it took, as JSON; for onnx-large.test.ts, in a process of its own. */
import { loadOnnx } from "../../src/formats/onnx/import.ts";

export interface Taken {
  /** Time of the import over that of adding up the file's bytes in this process. */
  readonly passes: number;
  /** Most memory that the import had at a time, the file included, over the file's size. */
  readonly memory: number;
  readonly nodes: number;
}

const before = Deno.memoryUsage().rss;
const bytes = Deno.readFileSync(Deno.args[0]);
const [{ graph }, firstMs] = timed(() => loadOnnx(bytes, "large.onnx"));
/** Linux keeps the high-water mark of a process; elsewhere what it has now has to do. */
const most = Deno.build.os === "linux"
  ? Number(/VmHWM:\s+(\d+) kB/.exec(Deno.readTextFileSync("/proc/self/status"))![1]) * 1024
  : Deno.memoryUsage().rss;
// The best of several: what else the machine does only adds to a time.
const best = (work: () => unknown) => Math.min(...[1, 2, 3].map(() => timed(work)[1]));
const importMs = Math.min(firstMs, best(() => loadOnnx(bytes, "large.onnx")));
const passMs = best(() => sumOf(bytes));
const taken: Taken = { passes: importMs / passMs, memory: (most - before) / bytes.length, nodes: graph.nodes.length };
console.log(JSON.stringify(taken));

function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) sum += bytes[i];
  return sum;
}

function timed<T>(work: () => T): [result: T, ms: number] {
  const started = performance.now();
  const result = work();
  return [result, performance.now() - started];
}
