/** Commands in a document, and whether what they printed is what the document shows. Pure. */

export interface ConsoleBlock {
  readonly command: string;
  readonly expected: readonly string[];
  /** Of the command, from 1 on. */
  readonly line: number;
}

/** The commands of all ```console blocks: lines that begin with "$ ", each with the lines up to the next. */
export function consoleBlocks(document: string): ConsoleBlock[] {
  const blocks: (ConsoleBlock & { expected: string[] })[] = [];
  let inside = false;
  for (const [i, line] of document.split("\n").entries()) {
    if (line.startsWith("```")) inside = line === "```console";
    else if (inside && line.startsWith("$ ")) blocks.push({ command: line.slice(2), expected: [], line: i + 1 });
    else if (inside) blocks.at(-1)?.expected.push(line);
  }
  return blocks;
}

/**
 * What is missing from a command's output; undefined where each expected line comes in it, in order. Numbers and runs of spaces may
 * differ; "…" within a line stands for anything. Lines that aren't expected are passed over, for progress goes by in its own way.
 */
export function mismatch(expected: readonly string[], printed: string): string | undefined {
  const lines = printed.split("\n").map(normal);
  let at = 0;
  for (const line of expected) {
    if (line.trim() === "…" || line.trim() === "") continue;
    const wanted = new RegExp(`^${normal(line).split("…").map(escaped).join(".*")}$`);
    const found = lines.findIndex((line, i) => i >= at && wanted.test(line));
    if (found < 0) return `expected the line\n  ${line}`;
    at = found + 1;
  }
}

/** Every number as one sign, every run of spaces as one space. */
function normal(line: string): string {
  return line.replaceAll(/\d[\d,.]*(e[+-]?\d+)?( [kMG](?= ))?/g, "#").replaceAll(/\s+/g, " ").trim();
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
