/** The notebooks of docs/examples, and what executes them: `deno task nightly notebooks` executes all, with their types. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { codeCells, MARK, notebookModule } from "../scripts/notebook_module.ts";
import { runNotebook } from "../scripts/run_notebook.ts";
import { UserError } from "../src/errors.ts";

const test = suite("notebooks");
const examples = new URL("../docs/examples/", import.meta.url).pathname;

/** A notebook for Deno's kernel with such cells of code, each after one of text. */
const notebookOf = (...sources: readonly string[]) =>
  JSON.stringify({
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { kernelspec: { name: "deno" } },
    cells: sources.flatMap((source) => [{ cell_type: "markdown", source: "text" }, { cell_type: "code", source }]),
  });

async function run(...sources: readonly string[]): Promise<string | undefined> {
  const file = await Deno.makeTempFile({ suffix: ".ipynb" });
  try {
    await Deno.writeTextFile(file, notebookOf(...sources));
    return (await runNotebook(file, { check: "nothing" }))?.replace(file, "notebook");
  } finally {
    await Deno.remove(file);
  }
}

test("what a cell's last expression gives is shown, over as many lines as it takes; statements are left as they are", () => {
  const last = (source: string) => notebookModule(codeCells(notebookOf(source), "n")).split(`${MARK}cell 2");\n`)[1];
  assert.is(last("const a = 1;\na + 1;"), "const a = 1;\nawait $show(a + 1);");
  assert.is(last("f({\n  a,\n});\n"), "await $show(f({\n  a,\n}));");
  for (const source of ['import "x";', "const a = {\n  b,\n};", "for (const a of b) {\n  c();\n}", "// nothing"]) {
    assert.is(last(source), source);
  }
});

test("cells run in order and share their names, and a failure says in which cell it was", async () => {
  const display = '({ [Symbol.for("Jupyter.display")]: () => ({ "image/svg+xml": TEXT }) });';
  assert.is(await run("const a = 1;", "a + 1;", display.replace("TEXT", '"<svg />"')), undefined);
  for (
    const [cell, words] of [
      ['throw new Error("broken");', /^notebook, cell 4: [^]*broken/],
      ["undefined;", /^notebook, cell 4: [^]*the cell shows nothing/],
      [display.replace("TEXT", '" "'), /^notebook, cell 4: [^]*the cell shows an empty image\/svg\+xml/],
      [
        display.replace("TEXT", "\"<path d='M0,NaN' />\""),
        /^notebook, cell 4: [^]*the cell shows NaN as image\/svg\+xml/,
      ],
    ] as const
  ) assert.match(await run("const a = 1;", cell, "a;") ?? "", words);
  assert.match(await run('import { b } from "./nosuch.ts";') ?? "", /^notebook, before its first cell: [^]*nosuch\.ts/);
});

test("what is no notebook for Deno's kernel is refused", () => {
  for (
    const [text, words] of [
      ["{", /^n: isn't JSON, expected a Jupyter notebook$/],
      [notebookOf("1;").replace('"deno"', '"python3"'), /^n: expected a notebook of nbformat 4 for the kernel "deno"$/],
      [notebookOf(), /^n: has no cell of code$/],
    ] as const
  ) {
    assert.throws(
      () => codeCells(text, "n"),
      (error: Error) => error instanceof UserError && words.test(error.message),
    );
  }
});

test("the examples say how they are opened, and are kept without outputs", async () => {
  const names = [...Deno.readDirSync(examples)].map(({ name }) => name).filter((name) => name.endsWith(".ipynb"));
  assert.is(names.length, 3);
  for (const name of names) {
    const { nbformat, nbformat_minor, cells } = JSON.parse(await Deno.readTextFile(`${examples}${name}`));
    assert.equal([nbformat, nbformat_minor], [4, 5]);
    assert.is(new Set(cells.map(({ id }: { id: string }) => id)).size, cells.length);
    assert.match(cells[0].source.join(""), /^# [^]*`deno jupyter --install`/);
    for (const { cell_type, outputs, execution_count } of cells) {
      if (cell_type === "code") assert.equal([outputs, execution_count], [[], null], name);
    }
  }
});

test("the notebook about a kernel runs to its end on this device", async () => {
  assert.is(await runNotebook(`${examples}kernel_under_the_microscope.ipynb`, { check: "nothing" }), undefined);
});

test.run();
