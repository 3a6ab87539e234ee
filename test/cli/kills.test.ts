/**
 * Processes that are killed, whose logs are damaged, and that meet in one folder. end-to-end.test.ts kills one amid its
 * epochs, and test/nightly/kills.ts does more of all of it.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { onlyNightly } from "../long.ts";
import { begin, damage, damages, judge, killAt, type Moment, openRange, twice } from "../recipe/killing.ts";

const test = suite("killed processes");
const root = await Deno.makeTempDir({ prefix: "secateur-kills-" });
const opened = openRange(root, ["default plans"]);

const moments: readonly (readonly [string, Moment, "same" | "refused"])[] = [
  ["in the first second, before anything is kept", { afterMs: 150 }, "refused"],
  ["when nothing is computed yet", { file: "checkpoint.safetensors", afterMs: 0 }, "same"],
];

for (const [name, moment, expected] of moments) {
  test(`killed ${name}: ${expected === "same" ? "the same bytes" : "a refusal that says what to do"}`, async () => {
    const range = await opened;
    const dir = `${root}/${name}`;
    await killAt(begin(root, dir, "default plans"), dir, moment);
    const result = await judge(range, dir, "default plans");
    assert.is(result, expected);
  });
}

// recipe/pipeline.test.ts cuts a log without a process.
onlyNightly(test)("a log that lost its end is refused", async () => {
  const range = await opened;
  const dir = `${root}/log`;
  // The checkpoint knows of three lines then, and a half of four has fewer.
  await killAt(begin(root, dir, "default plans"), dir, { file: "log.jsonl", lines: 4, afterMs: 0 });
  await damage(`${dir}/log.jsonl`, damages["cut in half"]);
  assert.is(await judge(range, dir, "default plans"), "refused");
});

onlyNightly(test)("two processes begin in one folder: one of them comes through, as if it had been alone", async () => {
  assert.is(await twice(await opened, `${root}/twice`, "begin"), "one refused");
});

test.after(() => Deno.remove(root, { recursive: true }));
test.run();
