import { show, UserError } from "../errors.ts";
import type { Recipe } from "./schema.ts";

/**
 * Refuses to go on with a run under another recipe than the one that it was begun with.
 * @param where what was made by `before`: a folder or a checkpoint
 * @throws UserError naming the first key that differs
 */
export function requireSameRecipe(before: Recipe, after: Recipe, where: string): void {
  const difference = firstDifference(before, after);
  if (!difference) return;
  const { path, left, right } = difference;
  throw new UserError(
    `${where} belongs to another recipe: ${path} is ${show(left)} there and ${show(right)} here; ` +
      `resume it without changes, or start a new run`,
  );
}

interface Difference {
  readonly path: string;
  readonly left: unknown;
  readonly right: unknown;
}

/** The first place where two JSON values differ; undefined where they are equal. An absent key equals an undefined one. */
function firstDifference(left: unknown, right: unknown, path = ""): Difference | undefined {
  if (!isObject(left) || !isObject(right) || Array.isArray(left) !== Array.isArray(right)) {
    return Object.is(left, right) ? undefined : { path: path || "the whole", left, right };
  }
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const difference = firstDifference(left[key], right[key], path === "" ? key : `${path}.${key}`);
    if (difference) return difference;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
