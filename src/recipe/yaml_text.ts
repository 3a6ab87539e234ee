/** YAML as recipes and their settings are written in. */
import { parseDocument } from "yaml";

export type YamlText =
  | { readonly value: unknown }
  /** Why the text means nothing, and from 1 the place where. */
  | { readonly problem: string; readonly at?: { readonly line: number; readonly col: number } };

/** Lists and maps within each other: many times what any recipe has. */
const MOST_LEVELS = 64;

const TOO_DEEP: YamlText = {
  problem: `lists or maps are nested too deeply, expected at most ${MOST_LEVELS} levels`,
};

/** Each alias within an anchor multiplies what the text stands for. */
const TOO_MANY: YamlText = {
  problem: "its aliases (*name) stand for far more than is written: write lists and maps out, or use fewer",
};

/** The value that the text stands for; null for an empty one. */
export function readYaml(text: string): YamlText {
  try {
    const document = parseDocument(text);
    const [error] = document.errors;
    // The parser calls itself for each level, until there is no room for more calls.
    if (error?.code === "RESOURCE_EXHAUSTION") return TOO_DEEP;
    if (error) return { problem: error.message.split(/ at line \d|\n/)[0], at: error.linePos?.[0] };
    const value = document.toJS();
    return isDeeper(value, MOST_LEVELS) ? TOO_DEEP : { value };
  } catch (error) {
    if (error instanceof ReferenceError && error.message.startsWith("Excessive alias")) return TOO_MANY;
    return error instanceof RangeError ? TOO_DEEP : { problem: (error as Error).message.split("\n")[0] };
  }
}

/** An alias within what it stands for has levels without end. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((part) => isDeeper(part, levels - 1));
}
