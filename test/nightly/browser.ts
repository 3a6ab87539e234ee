/** The long tests of browsers: the `*.nightly.ts` of test/browser, one after another. Exits with 1 where one fails. */
import { withFirefox } from "../needs_firefox.ts";
import { runInWorkers } from "../workers.ts";

const tests = new URL("../", import.meta.url).pathname;
const files = [...Deno.readDirSync(`${tests}browser`)]
  .map(({ name }) => `browser/${name}`)
  .filter((name) => name.endsWith(".nightly.ts"))
  .sort();
const able = await withFirefox(files, console.log);
const { passed, failed } = await runInWorkers([[{ files: able, config: `${tests}browser/deno.json` }]], {
  script: `${tests}worker.ts`,
  print: (text) => console.log(text),
});
console.log(`\n${passed} passed, ${failed} failed`);
Deno.exit(failed > 0 || passed === 0 ? 1 : 0);
