import type * as v from "valibot";
import { show } from "../errors.ts";

/**
 * The first of valibot's issues as one line: `stages.1.constraints.0.keep: expected a fraction in (0, 1], got 1.5`.
 * Unknown keys come first, since a mistyped key is also reported as a missing one.
 */
export function describeIssues(issues: readonly v.BaseIssue<unknown>[]): string {
  const unknown = issues.filter(isUnknownKey);
  const values = issues.filter((issue) => !isUnknownKey(issue) && !isRule(issue));
  const rules = issues.filter(isRule);
  // A rule that was broken beside a wrong value is most likely its consequence.
  const told = values.length + unknown.length > 0 ? [...unknown, ...values] : rules;
  return describeIssue(told[0]) + (told.length > 1 ? ` (and ${told.length - 1} more)` : "");
}

/** "a", "a or b", "a, b or c". */
export function anyOf(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`;
}

function describeIssue(issue: v.BaseIssue<unknown>): string {
  const items = issue.path ?? [];
  // A list where a map belongs shows itself by its first index, an unknown key.
  const list = isUnknownKey(issue) && Array.isArray(items.at(-1)?.input) ? items.at(-1)?.input : undefined;
  const path = items.slice(0, list ? -1 : undefined).map((item) => String(item.key)).join(".");
  const where = path === "" ? "" : `${path}: `;
  if (list) return `${where}expected a map of keys, got ${show(list)}`;
  if (isUnknownKey(issue) || isRule(issue)) return where + issue.message;
  if (issue.input === undefined) return `${where}missing`;
  const expected = issue.message.startsWith("expected ") ? issue.message : `expected ${plainType(issue)}`;
  return `${where}${expected}, got ${show(issue.input)}`;
}

const isUnknownKey = (issue: v.BaseIssue<unknown>) => issue.type === "strict_object" && issue.expected === "never";

/** Rules over several keys (`check`) say all there is to say. */
const isRule = (issue: v.BaseIssue<unknown>) => issue.type === "check";

function plainType(issue: v.BaseIssue<unknown>): string {
  const names: Record<string, string> = { Object: "a map of keys", Array: "a list", boolean: "true or false" };
  const expected = issue.expected ?? issue.message;
  return names[expected] ?? expected.replace(/^\((.*)\)$/, "$1").replaceAll(" | ", " or ");
}
