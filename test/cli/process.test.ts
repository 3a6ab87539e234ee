/** The real process: exit codes, streams, and no stack trace. Few, since each start takes a while. */
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("secateur, the process");
const main = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const root = await Deno.makeTempDir({ prefix: "secateur-cli-" });

async function secateur(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", main, ...args],
    env: { NO_COLOR: "1", SECATEUR_DEBUG: "" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

test("--version and recipes on stdout, exit 0", async () => {
  const [version, recipes] = await Promise.all([secateur("--version"), secateur("recipes")]);
  assert.match(version.out, /^secateur \d+\.\d+\.\d+\n$/);
  assert.equal([version.code, version.err, recipes.code, recipes.err], [0, "", 0, ""]);
  assert.match(recipes.out, /^digits /);
});

test("wrong usage exits 2, a mistake 1, each with one line on stderr", async () => {
  await Deno.writeTextFile(`${root}/file`, "x");
  const [usage, unwritable] = await Promise.all([
    secateur("prune", "--nope"),
    secateur("prune", "--out", `${root}/file/run`),
  ]);
  assert.equal([usage.code, usage.out], [2, ""]);
  assert.match(usage.err, /^secateur: unknown option '--nope'[^\n]*\n$/);
  assert.equal([unwritable.code, unwritable.out], [1, ""]);
  assert.match(unwritable.err, /^secateur: cannot [^\n]*file\/run[^\n]*not a folder[^\n]*\n$/);
});

test.after(() => Deno.remove(root, { recursive: true }));
test.run();
