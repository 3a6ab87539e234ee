/**
 * Runs the tests: `deno run -A test/run.ts [part of a path …]`. Files run side by side in processes that share nothing;
 * those of test/browser run with their own configuration. The last line is `N passed, N failed`; exits with 1 on a
 * failure, when no test ran, or when there is no WebGPU adapter.
 */
import { adapterName } from "../src/gpu/adapter.ts";
import { findTests } from "./runner.ts";
import { testGpu } from "./gpu.ts";
import { withFirefox } from "./needs_firefox.ts";
import { withRedis } from "./needs_redis.ts";
import { slowestFirst } from "./order.ts";
import { type Queue, runInWorkers } from "./workers.ts";

const started = performance.now();
const root = import.meta.dirname!;
const filters = Deno.args.map((filter) => filter.replace(/^(\.\/)?test\//, ""));
const files = slowestFirst(findTests(root, filters).map(({ name }) => name));
if (files.length === 0) {
  console.error(
    `No test file matches ${filters.join(" or ")}: give parts of paths below test/, such as prune/compact.`,
  );
  Deno.exit(1);
}
const able = withRedis(await withFirefox(files, console.log), console.log);
const inBrowser = (name: string) => name.startsWith("browser/");
const outside: Queue = { files: able.filter((name) => !inBrowser(name)) };
const inside: Queue = { files: able.filter(inBrowser), config: `${root}/browser/deno.json` };
/**
 * Tests wait a part of the time for their device, a timer or another process, so that two cores have room for five
 * processes. A browser is several processes itself: there are two of them at most.
 */
const workers = [[outside], [outside], [outside], [inside, outside], [inside, outside]];
const counts = { passed: 0, failed: 0 };

try {
  const gpu = await testGpu();
  console.log(`adapter: ${adapterName(gpu.info)}`);
  gpu.close();
} catch (error) {
  counts.failed++;
  console.log(`No WebGPU adapter, and so no verdict: ${(error as Error).message}`);
}
if (counts.failed === 0) {
  const print = (text: string) => console.log(text);
  const { passed, failed } = await runInWorkers(workers, { script: `${root}/worker.ts`, print });
  counts.passed += passed;
  counts.failed += failed;
}
if (counts.passed + counts.failed === 0) console.log("No test ran.");
console.log(`\n${((performance.now() - started) / 1000).toFixed(0)} s`);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
Deno.exit(counts.failed > 0 || counts.passed === 0 ? 1 : 0);
