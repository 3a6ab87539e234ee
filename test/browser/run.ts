/** Runs the browser tests, started by test/run.ts; last line `N passed, N failed`. */
import { findTests, runFiles } from "../runner.ts";

const { passed, failed } = await runFiles(findTests(import.meta.dirname!, Deno.args));
console.log(`${passed} passed, ${failed} failed`);
Deno.exit(failed > 0 ? 1 : 0);
