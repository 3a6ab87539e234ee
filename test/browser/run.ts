/** Runs the browser tests that test/run.ts names, as paths below test/; the last line is `N passed, N failed`. */
import { runFiles } from "../runner.ts";

const { passed, failed } = await runFiles(
  Deno.args.map((name) => ({ name, url: new URL(`../${name}`, import.meta.url).href })),
);
console.log(`${passed} passed, ${failed} failed`);
Deno.exit(failed > 0 ? 1 : 0);
