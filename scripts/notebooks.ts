/**
 * Executes notebooks with Deno alone: their cells in order, as one module, in the notebook's folder.
 *
 *     deno run -A scripts/notebooks.ts [notebook.ipynb …]
 *
 * Without arguments those of docs/examples. Where SECATEUR_SAMPLE isn't set, what `deno task sample` writes is made first, in a folder
 * that is removed at the end. Exits with 1 where a cell fails, with the notebook's name and the cell's number.
 */
import { UserError } from "../src/errors.ts";
import { runNotebook } from "./run_notebook.ts";

const root = new URL("..", import.meta.url).pathname;
const examples = `${root}docs/examples`;
const files = Deno.args.length > 0
  ? Deno.args
  : [...Deno.readDirSync(examples)].map(({ name }) => `${examples}/${name}`).filter((path) => path.endsWith(".ipynb"));
let failed = 0;
const folder = await Deno.makeTempDir({ prefix: "notebooks-" });
try {
  const sample = Deno.env.get("SECATEUR_SAMPLE") ?? await makeSample(`${folder}/sample`);
  for (const file of files.sort()) {
    const started = performance.now();
    const problem = await runNotebook(file, { check: "types", env: { SECATEUR_SAMPLE: sample } }).catch((error) => {
      if (error instanceof UserError) return error.message;
      throw error;
    });
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    console.log(`${problem === undefined ? "ok" : "FAILED"}  ${file.replace(root, "")}  (${seconds} s)`);
    if (problem === undefined) continue;
    console.log(problem);
    failed++;
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
Deno.exit(failed === 0 ? 0 : 1);

async function makeSample(path: string): Promise<string> {
  const args = ["run", "-A", "--cached-only", `${root}scripts/sample.ts`, path];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  if (!success) throw new Error(`the sample can't be made: ${new TextDecoder().decode(stderr)}`);
  return path;
}
