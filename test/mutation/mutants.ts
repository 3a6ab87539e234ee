/**
 * Small errors put into a source file by rule, as a test of its tests: a suite that still passes with one of them doesn't
 * hold the formula that it changed. The rules read the text as `deno fmt` writes it: spaces stand around every binary
 * operator, and around no bracket of a type.
 */
import { blanked } from "../imports.ts";

export const RULES = ["comparison", "off by one", "dropped factor", "reversed sort", "changed constant"] as const;
export type MutationRule = typeof RULES[number];

export interface Mutant {
  readonly rule: MutationRule;
  /** Where it begins in the file, in characters from 0. */
  readonly at: number;
  /** From 1. */
  readonly line: number;
  readonly before: string;
  readonly after: string;
}

const COMPARISONS: Readonly<Record<string, string>> = {
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "===": "!==",
  "!==": "===",
};

/** Every mutant of a file, in order of appearance. */
export function mutantsOf(source: string): Mutant[] {
  const code = withoutPatterns(blanked(source));
  const found: Omit<Mutant, "line">[] = [];
  const add = (rule: MutationRule, at: number, length: number, after: string) =>
    found.push({ rule, at, before: source.slice(at, at + length), after });

  const bounds = boundsOfLoops(code);
  for (const { index, 1: operator } of code.matchAll(/(?<= )(<=?|>=?|===|!==)(?= )/g)) {
    const end = bounds.get(index);
    // A turn too many often reads and writes nothing: the bound of a loop loses its last turn.
    if (end === undefined) add("comparison", index, operator.length, COMPARISONS[operator]);
    else add("off by one", index, end - index, `${source.slice(index, end)} - 1`);
  }
  for (const { index, 0: text } of code.matchAll(/ [+-] 1\b(?!\.)/g)) add("off by one", index, text.length, "");
  for (const { index, 0: text } of code.matchAll(/ [*/] /g)) {
    const end = endOfOperand(code, index + text.length);
    if (end !== undefined) add("dropped factor", index, end - index, "");
  }
  for (const { index, 1: target, 2: operator } of code.matchAll(/([\w.]+(?:\[[\w.]+\])?) ([+\-*/])= /g)) {
    const neutral = operator === "+" || operator === "-" ? "0" : "1";
    const start = index + target.length + 4;
    const end = endOfOperand(code, start);
    if (end !== undefined && /[;,)\n]/.test(code[end])) add("dropped factor", start, end - start, neutral);
  }
  for (const { index, 0: text, 1: a, 2: b } of code.matchAll(/\.(?:sort|toSorted)\(\((\w+), (\w+)\)/g)) {
    add(
      "reversed sort",
      index,
      text.length,
      source.slice(index, index + text.length - `(${a}, ${b})`.length) + `(${b}, ${a})`,
    );
  }
  // A number beside | belongs to a type.
  for (const { index, 0: text } of code.matchAll(/(?<![\w.$|]|\| )\d[\d_]*(?:\.\d+)?(?:e-?\d+)?\b(?!\s*\||\w)/g)) {
    if (/[+-] $/.test(code.slice(index - 2, index)) && text === "1") continue;
    const value = Number(text.replaceAll("_", ""));
    add("changed constant", index, text.length, String(Number.isInteger(value) ? value + 1 : value / 2));
  }
  return found.sort((a, b) => a.at - b.at || a.rule.localeCompare(b.rule)).map((mutant) => ({
    ...mutant,
    line: source.slice(0, mutant.at).split("\n").length,
  }));
}

export function applied(source: string, { at, before, after }: Mutant): string {
  return source.slice(0, at) + after + source.slice(at + before.length);
}

/** As long as before; regular expressions, which begin with a slash that no space follows, became spaces. */
function withoutPatterns(code: string): string {
  return code.replace(/(?<=[\s(,:=])\/(?![ =])(?:\\.|[^/\\\n])+\/[a-z]*/g, (pattern) => " ".repeat(pattern.length));
}

/** Where the comparison of a loop that counts upwards stands -> where its bound ends. */
function boundsOfLoops(code: string): Map<number, number> {
  const headers = code.matchAll(/for \(let [^;]*;( \w+ )<=? [^;&|?]*;(?= \w+\+\+)/g);
  return new Map(
    Array.from(
      headers,
      ({ index, 0: text, 1: name }) => [index + text.indexOf(`;${name}<`) + 1 + name.length, index + text.length - 1],
    ),
  );
}

/** Where an operand of a product ends: a number, or a name or bracket with all that is called on it or read from it. */
function endOfOperand(code: string, start: number): number | undefined {
  let at = start;
  const head = /^[-!]?(?:[\w$]+(?:\.\d+)?)/.exec(code.slice(at));
  if (head) at += head[0].length;
  else if (code[at] !== "(" && code[at] !== "[") return undefined;
  for (;;) {
    const rest = /^(?:!?\??\.[\w$]+|!)/.exec(code.slice(at));
    if (rest) at += rest[0].length;
    else if (code[at] === "(" || code[at] === "[") {
      const end = closing(code, at);
      if (end === undefined) return undefined;
      at = end + 1;
    } else return at;
  }
}

function closing(code: string, open: number): number | undefined {
  let depth = 0;
  for (let i = open; i < code.length; i++) {
    if ("([{".includes(code[i])) depth++;
    if (")]}".includes(code[i]) && --depth === 0) return i;
  }
  return undefined;
}
