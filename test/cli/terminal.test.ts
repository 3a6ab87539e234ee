/** What a terminal is sent when every name in a file, a folder and a recipe tries to steer it: the bytes of a pseudo-terminal. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createUi } from "../../src/cli/ui.ts";
import { visible, visibleLines } from "../../src/visible.ts";
import { archive, floats, ordered, tensor } from "../formats/pth-files.ts";
import { ATTACK, attack, attackNetwork } from "../hostile/attack.ts";
import { writeAttackImages } from "../hostile/attack_images.ts";
import { withoutDenoNotices } from "./deno_notices.ts";

const test = suite("terminal");
const main = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const root = await Deno.makeTempDir({ prefix: "secateur-terminal-" });
test.after(() => Deno.remove(root, { recursive: true }));

await Deno.writeFile(`${root}/net.onnx`, attackNetwork());
await Deno.writeFile(`${root}/net.pth`, archive(ordered({ [ATTACK]: tensor(floats("0", [1]), [1]) })));
await writeAttackImages(`${root}/images`);
await Deno.writeTextFile(
  `${root}/run.yaml`,
  JSON.stringify({
    version: 1,
    name: "run",
    description: ATTACK,
    model: "./net.onnx",
    data: { name: "folder:./images", validation: 0.2 },
    batch: 4,
    stages: [
      {
        kind: "prune",
        criterion: "l2",
        constraints: [{ kind: "filter" }],
        budget: { macs: 0.7 },
        retrain: { epochs: 1, optimizer: { kind: "adam", lr: 0.01 } },
      },
      { kind: "compact" },
      { kind: "measure", batches: [1], seconds: 0.05 },
    ],
  }),
);

/** What our own progress bars do: save and restore, hide and show the cursor, wrap lines, go to a column, clear to the end. */
// deno-lint-ignore no-control-regex
const OWN = /\r?\x1b(?:[78]|\[\?(?:25|7)[hl]|\[\d+G|\[0?K)/g;

/** Runs a command with a pseudo-terminal as its input and output; gives what that was sent. */
async function onTerminal(...args: string[]): Promise<{ code: number; sent: string }> {
  const command = [Deno.execPath(), "run", "-A", "--cached-only", main, ...args].map((arg) => `'${arg}'`).join(" ");
  const { code, stdout } = await new Deno.Command("script", {
    args: ["--quiet", "--return", "--command", command, "/dev/null"],
    cwd: root,
    env: { SECATEUR_DEBUG: "", SECATEUR_CACHE: `${root}/cache` },
    stdin: "null",
  }).output();
  return { code, sent: withoutDenoNotices(new TextDecoder("utf-8", { fatal: true }).decode(stdout)) };
}

/** As it is shown of a name. */
const SHOWN = visible(ATTACK).slice(0, 40);

/** @throws Error where a character is left that a terminal obeys, but for our own bars and ends of lines */
function requireHarmless(sent: string): void {
  const left = sent.replace(OWN, "").replace(/\r?\n/g, "");
  assert.is(visible(left), left);
}

test("each character that a terminal obeys is written as JSON writes it, and others stay", () => {
  assert.is(visible("a\x00\x1b[31m\x07\x7f\x9b\n\r\t"), "a\\u0000\\u001b[31m\\u0007\\u007f\\u009b\\n\\r\\t");
  assert.is(
    visible("\u061c\u200e\u200f\u202a\u202e\u2066\u2069\u2028\u2029"),
    [
      "\\u061c\\u200e\\u200f\\u202a\\u202e",
      "\\u2066\\u2069\\u2028\\u2029",
    ].join(""),
  );
  for (const text of ["layer1.0/conv", "Größe 3×3 – 日本語 👩‍💻 שלום", visible(ATTACK), '"\\']) {
    assert.is(visible(text), text);
  }
  assert.is(visibleLines("a\r\nb\x1b"), "a\\r\nb\\u001b");
  const names = { [ATTACK]: [ATTACK] };
  assert.equal(JSON.parse(visibleLines(JSON.stringify(names, null, 2))), names);
});

test("a progress bar's name, information and summary, notes and warnings are shown and not obeyed", () => {
  for (const isTTY of [true, false]) {
    let sent = "";
    const stream = Object.assign(new EventTarget(), {
      isTTY,
      columns: 400,
      write: (more: string) => (sent += more, true),
    });
    let clock = 0;
    const ui = createUi(stream, () => clock += 6000);
    const stage = ui.stage(attack("stage"), 2);
    stage.update(1, { text: attack("text") });
    stage.done(attack("summary"));
    ui.note(attack("note"));
    ui.warn(attack("warning"));
    ui.close();
    requireHarmless(sent);
    for (const label of ["stage", "note", "warning", "summary"]) {
      assert.ok(sent.includes(visible(attack(label))), label);
    }
  }
});

for (
  const [what, code, args, shown] of [
    ["inspect draws", 0, ["inspect", "net.onnx", "--html", "net.html"], SHOWN],
    ["eval scores", 0, ["eval", "net.onnx", "--data", "folder:images"], SHOWN],
    ["eval refuses", 1, ["eval", "net.onnx", "--data", "folder:images", "--weights", "net.pth"], SHOWN],
    ["prune refuses", 1, ["prune", "run.yaml", "--tune", "none", "--set", "stages.0.constraints.0.layers=none"], SHOWN],
    ["prune runs", 0, ["prune", "run.yaml", "--out", "run", "--tune", "none"], ""],
    ["verify compares", 0, ["verify", "run"], ""],
  ] as const
) {
  test(`${what}: names of a network and of folders are shown and not obeyed`, async () => {
    const { code: ended, sent } = await onTerminal(...args);
    assert.is(ended, code, sent);
    requireHarmless(sent);
    assert.ok(sent.includes(shown), sent);
  });
}

test("inspect --json on a terminal is JSON with the names as they are", async () => {
  const { code, sent } = await onTerminal("inspect", "net.onnx", "--json");
  assert.is(code, 0);
  requireHarmless(sent);
  assert.is(JSON.parse(sent).nodes[0].name, attack("/conv1/Conv"));
});

test.run();
