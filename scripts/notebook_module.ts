/** A Jupyter notebook as one module that runs its cells in order. Pure. */
import { UserError } from "../src/errors.ts";

export interface Cell {
  /** From 1 on, among all cells of the notebook. */
  readonly number: number;
  readonly source: string;
}

/**
 * Gives the cells of code.
 * @throws UserError where it isn't a notebook of nbformat 4 for Deno's kernel, or has no code
 */
export function codeCells(text: string, file: string): Cell[] {
  let notebook: { nbformat?: unknown; metadata?: { kernelspec?: { name?: unknown } }; cells?: NotebookCell[] };
  try {
    notebook = JSON.parse(text);
  } catch {
    throw new UserError(`${file}: isn't JSON, expected a Jupyter notebook`);
  }
  const { nbformat, metadata, cells = [] } = notebook;
  if (nbformat !== 4 || metadata?.kernelspec?.name !== "deno") {
    throw new UserError(`${file}: expected a notebook of nbformat 4 for the kernel "deno"`);
  }
  const found = cells.flatMap(({ cell_type, source }, i) =>
    cell_type === "code" ? [{ number: i + 1, source: [source].flat().join("") }] : []
  );
  if (found.length === 0) throw new UserError(`${file}: has no cell of code`);
  return found;
}

interface NotebookCell {
  readonly cell_type: string;
  readonly source: string | readonly string[];
}

/** A line that begins with it says what the module does; others are the notebook's own. */
export const MARK = "\x1e";

/**
 * The module says which cell begins, and shows what the last expression of a cell gives, as the kernel does: by its
 * `Symbol.for("Jupyter.display")` where it has one. A value that shows nothing is an error.
 */
export function notebookModule(cells: readonly Cell[]): string {
  return [SHOW, ...cells.map(({ number, source }) => `console.log("${MARK}cell ${number}");\n${shown(source)}`)].join(
    "\n",
  );
}

/** Statements whose value nobody sees. */
const SILENT =
  /^(\/\/|\/\*|(import|export|const|let|var|using|function|async function|class|interface|type|for|if|while|try|throw)\b)/;

/** Deno's formatter indents all lines of a statement but its first one and those that only close it. */
function shown(source: string): string {
  const lines = source.trimEnd().split("\n");
  const last = lines.findLastIndex((line) => /^[^\s)\]}]/.test(line));
  if (last < 0 || SILENT.test(lines[last])) return source;
  const value = lines.slice(last).join("\n").replace(/;$/, "");
  return [...lines.slice(0, last), `await $show(${value});`].join("\n");
}

const SHOW = `async function $show(value: unknown) {
  const display = (value as Record<symbol, unknown> | undefined)?.[Symbol.for("Jupyter.display")];
  const found: Record<string, unknown> = typeof display === "function" ? await display.call(value) : { "text/plain": Deno.inspect(value) };
  if (value === undefined || Object.keys(found).length === 0) throw new Error("the cell shows nothing");
  for (const [type, text] of Object.entries(found)) {
    if (typeof text !== "string" || text.trim() === "") throw new Error("the cell shows an empty " + type);
    if (/\\bNaN\\b/.test(text)) throw new Error("the cell shows NaN as " + type + ": " + text);
    console.log("${MARK}shows " + type + ", " + text.length + " characters");
  }
}`;
