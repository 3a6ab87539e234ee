/** Archives that unpack to far more than they have bytes: refused with bounded memory. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { BOMBS } from "../hostile/bombs.ts";

const test = suite("archives that are bombs");
const folder = await Deno.makeTempDir({ prefix: "secateur-bombs-" });
test.after(() => Deno.remove(folder, { recursive: true }));

/** Of the whole process, the runtime's own 60 MB among them. */
const MOST_BYTES = 400e6;

for (const [name, { bytes, said }] of Object.entries(BOMBS)) {
  test(`${name} are refused, in less than 400 MB of memory`, async () => {
    const path = `${folder}/${Object.keys(BOMBS).indexOf(name)}.tar.gz`;
    const packed = bytes();
    await Deno.writeFile(path, packed);
    assert.ok(packed.length < 8e6, `${packed.length} bytes`);
    const child = new URL("../hostile/load_bomb.ts", import.meta.url).pathname;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--cached-only", child, path],
      stderr: "inherit",
    }).output();
    const { ended, peakBytes } = JSON.parse(new TextDecoder().decode(stdout));
    assert.match(ended, /^UserError: /);
    assert.match(ended, said);
    assert.ok(peakBytes < MOST_BYTES, `${Math.round(peakBytes / 1e6)} MB`);
  });
}

test.run();
