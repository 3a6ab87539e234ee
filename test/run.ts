/**
 * Runs the tests: `deno run -A test/run.ts [part of a path …]`. Those of test/browser run as a second process with
 * their own configuration. The last line is `N passed, N failed`; exits with 1 on a failure, when no test ran, or when
 * there is no WebGPU adapter.
 */
import { type Counts, findTests, runFiles } from "./runner.ts";
import { testGpu } from "./gpu.ts";

const started = performance.now();
const root = import.meta.dirname!;
const files = findTests(root, Deno.args.map((filter) => filter.replace(/^(\.\/)?test\//, "")));
const inBrowser = files.filter(({ name }) => name.startsWith("browser/"));
const counts = { passed: 0, failed: 0 };

try {
  const gpu = await testGpu();
  console.log(`adapter: ${gpu.info.description || gpu.info.vendor}`);
} catch (error) {
  counts.failed++;
  console.log(`No WebGPU adapter, and so no verdict: ${(error as Error).message}`);
}
if (counts.failed === 0) {
  // Both wait for their device most of the time: side by side they take little longer than the longer of them.
  const browser = inBrowser.length > 0 ? runBrowserTests() : undefined;
  add(await runFiles(files.filter((file) => !inBrowser.includes(file))));
  if (browser) add(await (await browser)());
}
if (counts.passed + counts.failed === 0) {
  console.log(`No test ran${Deno.args.length ? ` for ${Deno.args.join(" ")}` : ""}.`);
}
console.log(`\n${((performance.now() - started) / 1000).toFixed(0)} s`);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
Deno.exit(counts.failed > 0 || counts.passed === 0 ? 1 : 0);

function add(more: Counts): void {
  counts.passed += more.passed;
  counts.failed += more.failed;
}

/**
 * Runs the browser tests to their end. What it gives passes on what they printed, but for their last line, which holds
 * their counts.
 */
async function runBrowserTests(): Promise<() => Counts> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--config",
      `${root}/browser/deno.json`,
      `${root}/browser/run.ts`,
      ...inBrowser.map((file) => file.name),
    ],
    stdout: "piped",
    stdin: "null",
  }).spawn();
  let result: Counts | undefined;
  const printed: string[] = [];
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const found = /^(\d+) passed, (\d+) failed$/.exec(line);
      if (found) result = { passed: Number(found[1]), failed: Number(found[2]) };
      else printed.push(line);
    }
  }
  const { code } = await child.status;
  return () => {
    for (const line of printed) console.log(line);
    if (result && (code === 0) === (result.failed === 0)) return result;
    console.log(`\n  FAIL  the browser tests ended with exit code ${code} and no verdict`);
    return { passed: result?.passed ?? 0, failed: (result?.failed ?? 0) + 1 };
  };
}
