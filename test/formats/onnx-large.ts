/** Imports a file of 100 MB and prints what it took, as JSON; for onnx-large.test.ts, in a process of its own. */
import { loadOnnx } from "../../src/formats/onnx/import.ts";

export interface Taken {
  readonly ms: number;
  /** Most memory that the import had at a time, the file included, over the file's size. */
  readonly memory: number;
  readonly nodes: number;
}

const before = Deno.memoryUsage().rss;
const bytes = Deno.readFileSync(Deno.args[0]);
const started = performance.now();
const { graph } = loadOnnx(bytes, "large.onnx");
const ms = performance.now() - started;
/** Linux keeps the high-water mark of a process; elsewhere what it has now has to do. */
const most = Deno.build.os === "linux"
  ? Number(/VmHWM:\s+(\d+) kB/.exec(Deno.readTextFileSync("/proc/self/status"))![1]) * 1024
  : Deno.memoryUsage().rss;
const taken: Taken = { ms, memory: (most - before) / bytes.length, nodes: graph.nodes.length };
console.log(JSON.stringify(taken));
