/** What the help of a command ends with: command lines that work as they stand where the files are there. */
export function examples(...lines: readonly string[]): string {
  const title = lines.length === 1 ? "Example:" : "Examples:";
  return ["", title, ...lines.map((line) => `  secateur ${line}`)].join("\n");
}
