/** The functions of a source file as `deno fmt` writes it: what opens at an indentation closes at the same one. */
export interface FunctionText {
  /** The line that it begins with, without its indentation. */
  readonly head: string;
  /** From 1. */
  readonly line: number;
  readonly lines: number;
  /** Those of them outside of the object that it returns, if it ends with one: a factory's methods are functions themselves. */
  readonly outside: number;
}

const HEAD = new RegExp(
  "^(export )?(default )?(" +
    "(async )?function\\*?\\s*\\w+|" + // function f(
    "(const|let) \\w+(: [^=]+)? = (async )?(<.*>)?(\\(|\\w+ =>)|" + // const f = (x) =>
    "((private|static|async|override|get|set) )*[*#]?\\w+(<.*>)?\\((?!.*;$)" + // a method
    ")",
);
const NO_FUNCTION = /^(if|for|while|switch|catch|return|throw|await|using|super|import|suite|test)\b/;

export function functionsOf(source: string): FunctionText[] {
  const lines = source.split("\n");
  const found: FunctionText[] = [];
  for (const [i, line] of lines.entries()) {
    const head = line.trimStart(), indent = line.slice(0, line.length - head.length);
    if (!HEAD.test(head) || NO_FUNCTION.test(head)) continue;
    const end = endOf(lines, i, indent);
    if (end === undefined) continue;
    const returned = lines.slice(i, end).lastIndexOf(`${indent}  return {`);
    const count = end - i + 1;
    found.push({ head, line: i + 1, lines: count, outside: returned < 0 ? count : returned + 1 });
  }
  return found;
}

/** The line of the bracket that closes the body; undefined where the line opens none. */
function endOf(lines: readonly string[], start: number, indent: string): number | undefined {
  let opened = lines[start].endsWith("{");
  for (let i = start + 1; i < lines.length; i++) {
    const line = lines[i];
    if (line.trim() === "" || line.startsWith(`${indent} `)) continue;
    if (!line.startsWith(indent)) return undefined;
    const rest = line.slice(indent.length);
    // A signature over several lines ends with the bracket that opens the body.
    if (!opened && /^\).*\{$/.test(rest)) opened = true;
    else return opened && /^\}/.test(rest) ? i : undefined;
  }
  return undefined;
}
