/** What holds for every command there is: its help, its exit codes, its JSON. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { runProgram } from "../../src/cli/program.ts";
import { session } from "./fake.ts";

const test = suite("every command");

/** As `--help` of the program lists them. */
const COMMANDS = await (async () => {
  const { run, out } = session();
  await run("--help");
  const lines = out.join("\n").split("Commands:\n")[1].split("\n\n")[0].split("\n");
  return lines.flatMap((line) => line.match(/^ {2}([a-z]+)/)?.[1] ?? []).filter((name) => name !== "help");
})();

/** Lines of a screen: what a laptop's terminal shows at its usual size of letters. */
const SCREEN = 50;

async function help(...command: string[]): Promise<string> {
  const { run, out, err } = session();
  assert.equal([await run(...command, "--help"), err], [0, []], command.join(" "));
  return out.join("\n");
}

test("the program lists its commands, and its exit codes", async () => {
  assert.ok(COMMANDS.length >= 18, COMMANDS.join(" "));
  assert.match(await help(), /Exit codes: 0 done, 1 failed, 2 wrong usage, 130 and 143 interrupted/);
});

test("help is one screen with an example of the command itself, and no word or default twice", async () => {
  for (const command of [[], ...COMMANDS.map((name) => [name])]) {
    const text = await help(...command);
    const lines = text.split("\n");
    assert.ok(lines.length <= SCREEN, `${command}: ${lines.length} lines`);
    assert.ok(lines.every((line) => line.length <= 100), command.join());
    assert.match(
      text,
      new RegExp(`\\nExamples?:\\n  (SECATEUR_DEBUG=\\d )?secateur ${command[0] ?? "prune"}\\b`),
      command.join(),
    );
    const words = text.split("\n\n").flatMap((part) =>
      part.replace(/\s+/g, " ").match(/\b([A-Za-z]{2,}) \1(?![\w-])/g) ?? []
    );
    assert.equal(words, [], command.join());
    assert.not.match(text.replace(/\s+/g, " "), /\(default: [^()]*\) \(default:/, command.join());
    assert.not.match(text, /\["|\[\d/, `${command}: a default as JSON`);
  }
});

test("the lines of examples are command lines that parse", async () => {
  for (const command of COMMANDS) {
    const shown = (await help(command)).split(/\nExamples?:\n/)[1].split("\n\n")[0].split("\n");
    for (const line of shown.filter((line) => /^ +(SECATEUR_DEBUG=\d )?secateur /.test(line))) {
      const words = line.replace(/ #.*$/, "").trim().split("secateur ")[1].match(/'[^']*'|\S+/g)!;
      const { io, err } = session();
      // Files aren't there and nothing can run, but nothing is wrong about the usage.
      const code = await runProgram(words.map((word) => word.replaceAll("'", "")), io);
      assert.ok(code !== 2, `${line}: ${err.join()}`);
    }
  }
});

test("an unknown option is wrong usage, exit code 2, one line that says so", async () => {
  for (const command of COMMANDS) {
    const { run, err, out } = session();
    assert.equal([await run(command, "--nope"), out], [2, []], command);
    assert.equal(err.length, 1);
    assert.match(
      err[0],
      /^secateur: (unknown option '--nope'.*; known are .*|required option .* not specified); see secateur --help$/,
    );
  }
});

/** Of each command a line that is well formed and fails, for nothing that it needs is there. */
const FAILING: Readonly<Record<string, readonly string[]>> = {
  prune: ["nosuch.yaml"],
  train: ["nosuch.yaml"],
  eval: ["nosuch.onnx", "--data", "digits"],
  verify: ["runs/none"],
  inspect: ["nosuch.onnx"],
  blocks: ["nosuch.onnx"],
  doctor: ["nosuch.onnx"],
  sensitivity: ["nosuch.onnx", "--data", "digits"],
  kernel: ["conv", "--shape", "1,3,8,8"],
  tune: ["nosuch.onnx"],
  time: ["nosuch.onnx"],
  serve: [],
  build: [],
  devices: ["nosuch"],
  sweep: ["nosuch.yaml"],
  worker: ["--queue", "nosuch"],
};
/** They read nothing and can't fail. */
const LISTS = ["recipes", "criteria", "structures", "methods"];

test("what can't be done is exit code 1 with one line, what was done 0", async () => {
  assert.equal([...Object.keys(FAILING), ...LISTS].sort(), COMMANDS.toSorted());
  for (const [command, args] of Object.entries(FAILING)) {
    const { run, err } = session();
    assert.is(await run(command, ...args), 1, command);
    assert.equal(err.length, 1, command);
    assert.match(err[0], /^secateur: [^\n]+$/);
  }
  for (const command of LISTS) {
    const { run, err, out } = session();
    assert.equal([await run(command), err], [0, []]);
    assert.ok(out.join("\n").split("\n").length > 5);
  }
});

test("lists as JSON hold what their tables show", async () => {
  for (const command of LISTS) {
    const { run, out } = session();
    assert.is(await run(command, "--json"), 0);
    const found = JSON.parse(out.join("\n"));
    const table = session();
    await table.run(command);
    const names = Array.isArray(found) ? found.map(({ name }) => name) : Object.keys(found.stages);
    assert.ok(names.length > 5);
    for (const name of names) assert.ok(table.out.join("\n").includes(name), name);
  }
});

test("every command that prints a table can print JSON", async () => {
  const without = ["serve", "build", "worker"];
  for (const command of COMMANDS.filter((name) => !without.includes(name))) {
    assert.match(await help(command), /\n {2}--json /, command);
  }
});

test.run();
