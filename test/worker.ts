/**
 * Runs the test files whose paths below test/ come in on standard input, a line each, and ends each with a line of
 * `END_OF_FILE` and its counts as JSON, with the processor's time that it took. All files of a process share its device and
 * its pipelines.
 */
import process from "node:process";
import { TextLineStream } from "./lines.ts";
import { END_OF_FILE, type FileEnd, runFiles } from "./runner.ts";

for await (const name of Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())) {
  const before = process.cpuUsage();
  const counts = await runFiles([{ name, load: () => import(new URL(name, import.meta.url).href) }]);
  const { user, system } = process.cpuUsage(before);
  console.log(`\n${END_OF_FILE}${JSON.stringify({ ...counts, cpuMs: (user + system) / 1000 } satisfies FileEnd)}`);
}
Deno.exit(0);
