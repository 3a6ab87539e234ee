/** The test files of which the suite does a part (test/long.ts), in whole. Exits with 1 where a test fails. */
import { findTests } from "../runner.ts";
import { LONG } from "../long.ts";
import { withFirefox } from "../needs_firefox.ts";
import { type Queue, runInWorkers } from "../workers.ts";

const tests = new URL("../", import.meta.url).pathname;
const long = findTests(tests, [])
  .map(({ name }) => name)
  .filter((name) => /from "(\.\.\/)+long\.ts"/.test(Deno.readTextFileSync(`${tests}${name}`)));
const files = await withFirefox(long, console.log);
// Each worker inherits it.
Deno.env.set(LONG, "1");
const inBrowser = (name: string) => name.startsWith("browser/");
const outside: Queue = { files: files.filter((name) => !inBrowser(name)) };
const inside: Queue = { files: files.filter(inBrowser), config: `${tests}browser/deno.json` };
const { passed, failed } = await runInWorkers([[outside], [inside, outside]], {
  script: `${tests}worker.ts`,
  print: (text) => console.log(text),
});
console.log(`\n${passed} passed, ${failed} failed`);
Deno.exit(failed > 0 || passed === 0 ? 1 : 0);
