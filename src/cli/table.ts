import { visible } from "../visible.ts";

/** Rows as lines of aligned columns, the first `left` ones (default all) to the left; a header gets a rule below it. */
export function formatTable(
  cells: readonly (readonly string[])[],
  { header = false, left = Infinity }: { header?: boolean; left?: number } = {},
): string {
  const rows = cells.map((row) => row.map(visible));
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => widths[i] = Math.max(widths[i] ?? 0, cell.length));
  const lines = rows.map((row) =>
    row.map((cell, i) => i < left ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join("  ").trimEnd()
  );
  if (header) lines.splice(1, 0, widths.map((width) => "─".repeat(width)).join("  "));
  return lines.join("\n");
}

/** Lines of at most `width` characters where words allow it, the later ones set in. */
export function wrapped(text: string, width: number): string {
  const lines: string[] = [];
  let line = " ";
  for (const word of visible(text).split(" ")) {
    if (line.length + 1 + word.length > width && line.trim() !== "") {
      lines.push(line);
      line = "   ";
    }
    line += ` ${word}`;
  }
  return [...lines, line].join("\n");
}
