/** The kinds of values that what people write by hand is made of, recipes above all, each with its own words for errors. */
import * as v from "valibot";
import { didYouMean, suggest } from "./names.ts";
import { anyOf } from "./problems.ts";

/** An object of these keys and no others; a mistyped one is answered with the nearest known. */
export function record<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.strictObject(entries, (issue) => {
    if (issue.expected !== "never") return "";
    const key = issue.path?.[issue.path.length - 1].key;
    return `unknown key${suggest(String(key), Object.keys(entries))}`;
  });
}

/** A choice by `kind`: a record for each. */
export function byKind<const Options extends v.VariantOptions<"kind">>(options: Options, kinds: readonly string[]) {
  return v.variant("kind", options, (issue) => {
    if (issue.path?.[issue.path.length - 1].key !== "kind") return "expected a map with a kind";
    const hint = typeof issue.input === "string" ? didYouMean(issue.input, kinds) : "";
    return `expected ${anyOf(kinds)}${hint}`;
  });
}

/** One of these words. */
export function word<const Words extends readonly [string, ...string[]]>(...words: Words) {
  return v.picklist(words, (issue) => {
    const hint = typeof issue.input === "string" ? didYouMean(issue.input, words) : "";
    return `expected ${anyOf(words)}${hint}`;
  });
}

/** One of the names of a registry. */
export function nameOf(registry: ReadonlyMap<string, unknown>, ...more: readonly string[]) {
  return word(...[...registry.keys(), ...more] as unknown as [string, ...string[]]);
}

/** A whole number of at least `least`. */
export function count(least: number) {
  const message = `expected a whole number of at least ${least}`;
  return v.pipe(v.number(message), v.safeInteger(message), v.minValue(least, message));
}

/** A finite number > 0. */
export function positive() {
  const message = "expected a number above 0";
  return v.pipe(v.number(message), v.finite(message), v.gtValue(0, message));
}

/** A finite number ≥ 0. */
export function nonNegative() {
  const message = "expected a number of at least 0";
  return v.pipe(v.number(message), v.finite(message), v.minValue(0, message));
}

/** A number in (0, 1]. */
export function fraction() {
  const message = "expected a fraction above 0 and at most 1";
  return v.pipe(v.number(message), v.gtValue(0, message), v.maxValue(1, message));
}

/** A number in [0, 1]. */
export function upToOne() {
  const message = "expected a number of at least 0 and at most 1";
  return v.pipe(v.number(message), v.minValue(0, message), v.maxValue(1, message));
}

/** A number in [0, 1). */
export function belowOne() {
  const message = "expected a number of at least 0 and below 1";
  return v.pipe(v.number(message), v.minValue(0, message), v.ltValue(1, message));
}

/** A number in (0, 1). */
export function inside() {
  const message = "expected a fraction above 0 and below 1";
  return v.pipe(v.number(message), v.gtValue(0, message), v.ltValue(1, message));
}

/** A list of at least one value. */
export function some<const Item extends v.GenericSchema>(item: Item) {
  return v.pipe(v.array(item), v.nonEmpty("expected at least one entry"));
}

/** A list without repetitions of at least one value. */
export function distinct<const Item extends v.GenericSchema>(item: Item) {
  return v.pipe(
    some(item),
    v.checkItems((value, index, all) => all.indexOf(value) === index, "expected each entry once"),
  );
}

/** A text of at least one character. */
export function text() {
  return v.pipe(v.string("expected a text"), v.nonEmpty("expected a text of at least one character"));
}
