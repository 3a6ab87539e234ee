import * as v from "valibot";
import { show, UserError } from "../errors.ts";
import type { Report } from "./types.ts";

/**
 * A report as `report.json` holds it, checked key by key.
 * @param json the parsed file
 * @param file what it is called in errors
 * @throws UserError naming the file, the first wrong key, what was expected and what stands there
 */
export function parseReport(json: unknown, file: string): Report {
  const result = v.safeParse(report, json);
  if (result.success) return result.output;
  // A mistyped key is unknown, and the right one missing beside it: the first says more.
  const issues = [...result.issues].sort((a, b) => Number(isUnknown(b)) - Number(isUnknown(a)));
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  throw new UserError(`${file}: ${describe(issues[0])}${more}; run prune again to write a new report`);
}

const text = v.string("a text");
const flag = v.boolean("true or false");
const fraction = within(0, 1, "a fraction in 0…1");
const nonNegative = within(0, Infinity, "a number of at least 0");
const positive = v.pipe(v.number("a number above 0"), v.gtValue(0, "a number above 0"));
const count = whole(0);
const number = v.pipe(v.number("a number"), v.finite("a number"));

// A list would pass as a record.
const numbers = v.pipe(
  v.custom<Record<string, unknown>>((value) => !Array.isArray(value) && value !== undefined, "a map of numbers"),
  v.record(v.string(), number, "a map of numbers"),
);

const point = object({
  name: text,
  accuracy: object({ validation: fraction, test: fraction }),
  params: count,
  nonzero: count,
  macs: count,
  bytes: count,
});

const latency = object({
  variant: v.picklist(["dense", "masked", "compact"], "dense, masked or compact"),
  batch: whole(1),
  medianMs: nonNegative,
  madMs: nonNegative,
  samples: whole(1),
  clock: text,
  quantumMs: nonNegative,
});

const report: v.GenericSchema<unknown, Report> = object({
  version: v.literal(1, "1, the version of reports that this Secateur reads"),
  tool: text,
  commit: text,
  seed: count,
  command: text,
  adapter: object({ vendor: text, description: text, fallback: flag }),
  baseline: point,
  stages: list(point),
  final: point,
  best: v.optional(point),
  controls: object({ magnitude: v.optional(point), random: v.optional(point), scratch: v.optional(point) }),
  compression: object({ params: positive, nonzero: positive, macs: positive }),
  equivalence: object({ maxAbs: nonNegative, maxRel: nonNegative, inputs: count }),
  admm: list(object({ layer: text, residual: nonNegative })),
  latency: list(latency),
  speedup: list(object({ batch: whole(1), ratio: positive })),
  requested: numbers,
  achieved: numbers,
  files: v.optional(list(text)),
});

/** Exactly these keys. Every schema's message is what it expects, so that one sentence fits them all. */
function object<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.strictObject(
    entries,
    (issue) => issue.expected === "never" ? `one of ${Object.keys(entries).join(", ")}` : "a map of keys",
  );
}

function list<const Item extends v.GenericSchema>(item: Item) {
  return v.array(item, "a list");
}

function whole(least: number) {
  const expected = `a whole number of at least ${least}`;
  return v.pipe(v.number(expected), v.safeInteger(expected), v.minValue(least, expected));
}

function within(least: number, most: number, expected: string) {
  return v.pipe(v.number(expected), v.finite(expected), v.minValue(least, expected), v.maxValue(most, expected));
}

function describe(issue: v.BaseIssue<unknown>): string {
  const keys = (issue.path ?? []).map((item) => String(item.key));
  const where = keys.length > 0 ? keys.join(".") : "the report";
  if (isUnknown(issue)) return `${where}: unknown key, expected ${issue.message}`;
  // A missing key is reported as a fault of the object that lacks it.
  const isMissing = issue.input === undefined || (issue.type === "strict_object" && issue.expected?.startsWith('"'));
  return isMissing ? `${where}: missing` : `${where}: expected ${issue.message}, got ${show(issue.input)}`;
}

const isUnknown = (issue: v.BaseIssue<unknown>) => issue.type === "strict_object" && issue.expected === "never";
