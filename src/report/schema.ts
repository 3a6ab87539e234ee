/** The parts of which the schemas of our JSON files are made: every message says what is expected, so one sentence fits all. */
import * as v from "valibot";
import { show, UserError } from "../errors.ts";

/**
 * Checks `json` key by key.
 * @param file what it is called in errors
 * @param advice what to do about a wrong one
 * @throws UserError naming the file, the first wrong key, what was expected and what stands there
 */
export function parseWith<T>(schema: v.GenericSchema<unknown, T>, json: unknown, file: string, advice: string): T {
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  // A mistyped key is unknown, and the right one missing beside it: the first says more.
  const issues = [...result.issues].sort((a, b) => Number(isUnknown(b)) - Number(isUnknown(a)));
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  throw new UserError(`${file}: ${describe(issues[0])}${more}; ${advice}`);
}

export const flag = v.boolean("true or false");
export const fraction = within(0, 1, "a fraction in 0…1");
export const nonNegative = within(0, Infinity, "a number of at least 0");
export const positive = v.pipe(v.number("a number above 0"), v.gtValue(0, "a number above 0"));
export const count = whole(0);

/** Exactly these keys. */
export function object<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.strictObject(
    entries,
    (issue) => issue.expected === "never" ? `one of ${Object.keys(entries).join(", ")}` : "a map of keys",
  );
}

export function list<const Item extends v.GenericSchema>(item: Item, most = Infinity) {
  return v.pipe(v.array(item, "a list"), v.maxLength(most, `at most ${most} entries`));
}

export function whole(least: number) {
  const expected = `a whole number of at least ${least}`;
  return v.pipe(v.number(expected), v.safeInteger(expected), v.minValue(least, expected));
}

export function within(least: number, most: number, expected: string) {
  return v.pipe(v.number(expected), v.finite(expected), v.minValue(least, expected), v.maxValue(most, expected));
}

function describe(issue: v.BaseIssue<unknown>): string {
  // Files may come from anywhere, and so do their keys.
  const keys = (issue.path ?? []).map((item) => String(item.key)).map((key) =>
    key.length > 60 ? `${key.slice(0, 60)}…` : key
  );
  const where = keys.length > 0 ? keys.join(".") : "the whole";
  if (isUnknown(issue)) return `${where}: unknown key, expected ${issue.message}`;
  // A missing key is reported as a fault of the object that lacks it.
  const isMissing = issue.input === undefined || (issue.type === "strict_object" && issue.expected?.startsWith('"'));
  return isMissing ? `${where}: missing` : `${where}: expected ${issue.message}, got ${show(issue.input)}`;
}

const isUnknown = (issue: v.BaseIssue<unknown>) => issue.type === "strict_object" && issue.expected === "never";
