/**
 * Runs the test files whose paths below test/ come in on standard input, a line each, and ends each with a line of
 * `END_OF_FILE` and its counts as JSON. All files of a process share its device and its pipelines.
 */
import { TextLineStream } from "./lines.ts";
import { END_OF_FILE, runFiles } from "./runner.ts";

for await (const name of Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())) {
  const counts = await runFiles([{ name, url: new URL(name, import.meta.url).href }]);
  console.log(`\n${END_OF_FILE}${JSON.stringify(counts)}`);
}
Deno.exit(0);
