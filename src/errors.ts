import { visible } from "./visible.ts";

/**
 * A mistake that its user can mend: the message says what was given, what was expected and what to do. It is one line of
 * bounded length, and names in it that come from a file hold nothing that a terminal obeys.
 */
export class UserError extends Error {
  /** The class by name, also after bundling. */
  override readonly name: string = "UserError";

  /**
   * Makes visible what a terminal would obey in the message.
   * @param message may hold any text
   */
  constructor(message: string) {
    const text = visible(message);
    super(text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);
  }
}

/** In characters: names in a file may be of any length. */
const LONGEST = 2000;

/** A value as a message shows it: short and on one line. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value))
    ? String(value)
    : jsonOf(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** YAML's anchors can make a list that holds itself, which JSON can't. */
function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return Array.isArray(value) ? "a list that holds itself" : "a map that holds itself";
  }
}

/** A command line that doesn't parse or lacks something: exit code 2 instead of 1. */
export class UsageError extends UserError {
  override readonly name: string = "UsageError";
}
