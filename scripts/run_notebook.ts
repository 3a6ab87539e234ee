/** Executes one notebook, in a process of its own. */
import { codeCells, MARK, notebookModule } from "./notebook_module.ts";

export interface RunNotebookOptions {
  /** "types" also checks the cells' types, which the kernel doesn't and which takes longer. */
  readonly check: "types" | "nothing";
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Gives what went wrong, beginning with the notebook and the cell; undefined where every cell ended well and shows something.
 * @throws UserError for a file that is no notebook for Deno's kernel
 */
export async function runNotebook(file: string, { check, env = {} }: RunNotebookOptions): Promise<string | undefined> {
  const cells = codeCells(await Deno.readTextFile(file), file);
  // From standard input, so that relative imports begin in the notebook's folder, as they do in the kernel.
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", check === "types" ? "--check" : "--no-check", "--ext=ts", "-"],
    cwd: file.replace(/[^/]*$/, "") || ".",
    env: { NO_COLOR: "1", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  await new Blob([notebookModule(cells)]).stream().pipeTo(child.stdin);
  const { success, stdout, stderr } = await output;
  if (success) return undefined;
  const begun = new TextDecoder().decode(stdout).split("\n").filter((line) => line.startsWith(`${MARK}cell `)).at(-1);
  const where = begun === undefined ? "before its first cell" : begun.slice(MARK.length);
  return `${file}, ${where}: ${new TextDecoder().decode(stderr).trim()}`;
}
