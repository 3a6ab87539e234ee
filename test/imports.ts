export interface Import {
  readonly specifier: string;
  /** Gone after compilation: `import type`, or every name in the braces marked `type`. */
  readonly typeOnly: boolean;
}

const STATEMENT = /(?<![\w$.])(?:import|export)\s+(?:(type)\s+)?(?:([\w$*\s{},]*?)\s*from\s*)?"([^"\n]+)"/g;
const DYNAMIC = /(?<![\w$.])import\(\s*"([^"\n]+)"/g;

/** The imports and re-exports of a TypeScript file formatted by `deno fmt`, in order of appearance. */
export function importsOf(source: string): Import[] {
  const text = withoutComments(source);
  const found = [...text.matchAll(STATEMENT)].map((match) => ({
    at: match.index,
    specifier: match[3],
    typeOnly: match[1] === "type" || onlyTypes(match[2]),
  }));
  for (const match of text.matchAll(DYNAMIC)) found.push({ at: match.index, specifier: match[1], typeOnly: false });
  return found.sort((a, b) => a.at - b.at).map(({ specifier, typeOnly }) => ({ specifier, typeOnly }));
}

function onlyTypes(clause: string | undefined): boolean {
  const names = clause?.trim().match(/^\{([\s\S]*)\}$/)?.[1].split(",").map((name) => name.trim()).filter(Boolean);
  return names !== undefined && names.length > 0 && names.every((name) => name.startsWith("type "));
}

const STRINGS_AND_COMMENTS =
  /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;

export function withoutComments(source: string): string {
  return source.replace(STRINGS_AND_COMMENTS, (_, text?: string) => text ?? "");
}

/** Neither comments nor what is in quotes. (Code inside a template's `${}` is lost as well.) */
export function codeOnly(source: string): string {
  return source.replace(STRINGS_AND_COMMENTS, (_, text?: string) => text === undefined ? "" : '""');
}

/** As long as the source, line for line: comments and what is in quotes became spaces. */
export function blanked(source: string): string {
  return source.replace(STRINGS_AND_COMMENTS, (all) => all.replace(/[^\n]/g, " "));
}
