/** What is kept of an adapter's roofs between runs. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { keepRoof, readRoofs } from "../../bench/roofs.ts";

const test = suite("kept roofs");
const roof = (gflops: number) => ({ gflops, gbps: 10, forms: [] });

test("the first roof of an adapter stays, and a busy machine's is never kept", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, '{ "cut off');
    assert.equal(readRoofs(file), {});
    keepRoof("a", roof(1), { file, busy: true });
    assert.equal(readRoofs(file), {});
    keepRoof("a", roof(2), { file, busy: false });
    keepRoof("a", roof(3), { file, busy: false });
    keepRoof("b", roof(4), { file, busy: false });
    assert.equal(readRoofs(file), { a: roof(2), b: roof(4) });
  } finally {
    await Deno.remove(file);
  }
});

test("no file is no roofs", () => assert.equal(readRoofs("nowhere/roofs.json"), {}));

test.run();
