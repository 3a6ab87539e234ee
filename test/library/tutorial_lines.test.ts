/** How the tutorial's lines are held against what commands print. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { consoleBlocks, mismatch } from "../../scripts/tutorial_lines.ts";

const test = suite("following a document");

test("commands stand in console blocks, each with the lines below it", () => {
  const document =
    "text\n```console\n$ one a\nfirst\n$ two\n…\n```\n\n```sh\n$ not this\n```\n```console\n$ three\n```\n";
  assert.equal(consoleBlocks(document), [
    { command: "one a", expected: ["first"], line: 3 },
    { command: "two", expected: ["…"], line: 5 },
    { command: "three", expected: [], line: 13 },
  ]);
});

test("numbers and spaces may differ, words and their order may not", () => {
  const printed = "progress 3 %\nmodel   net: 20,146 parameters\naccuracy  98.61 % (354 of 359)\n";
  assert.is(mismatch(["model net: 7 parameters", "…", "accuracy 1 % (2 of 3)"], printed), undefined);
  assert.is(mismatch(["model …"], printed), undefined);
  assert.match(mismatch(["accuracy 1 % (2 of 3)", "model …"], printed)!, "model …");
  assert.match(mismatch(["model net: 7 weights"], printed)!, "model net: 7 weights");
  assert.match(mismatch(["model net"], printed)!, "model net");
});

test("the tutorial has commands", async () => {
  const commands = consoleBlocks(await Deno.readTextFile(`${import.meta.dirname}/../../docs/tutorial.md`));
  assert.ok(commands.length >= 5);
  assert.ok(commands.every(({ command }) => command.startsWith("deno task ")));
});

test.run();
