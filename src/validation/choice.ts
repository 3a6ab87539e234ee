import { show, UserError } from "../errors.ts";

/** The entry of `table` that is called `name`. @throws UserError that names the known ones */
export function choose<Entry>(what: string, name: unknown, table: Readonly<Record<string, Entry>>): Entry {
  if (typeof name === "string" && Object.hasOwn(table, name)) return table[name];
  throw new UserError(`unknown ${what} ${show(name)}: expected one of ${Object.keys(table).join(", ")}`);
}

/** The keys that options of this type may have, as a table that the compiler keeps complete. */
export type KnownKeys<Options> = { readonly [Key in keyof Required<Options>]: true };

/** The entry of `table` for the kind of `settings`. @throws UserError where they aren't settings, or of no known kind */
export function chooseByKind<Entry>(what: string, settings: unknown, table: Readonly<Record<string, Entry>>): Entry {
  if (typeof settings === "object" && settings !== null) {
    return choose(what, (settings as { readonly kind?: unknown }).kind, table);
  }
  const kinds = Object.keys(table);
  throw new UserError(
    `${what} is ${show(settings)}, expected settings such as { kind: "${kinds[0]}" }; kinds are ${kinds.join(", ")}`,
  );
}

/** @throws UserError for a key that `given` lacks */
export function refuseMissingKeys(what: string, given: object, required: readonly string[]): void {
  const missing = required.filter((key) => (given as Record<string, unknown>)[key] === undefined);
  if (missing.length > 0) throw new UserError(`${what} lacks ${missing.join(", ")}: expected ${required.join(", ")}`);
}

/** @throws UserError for a key of `given` that isn't among the known ones, which it names */
export function refuseUnknownKeys(what: string, given: object, known: readonly string[]): void {
  const strange = Object.keys(given).find((key) => !known.includes(key));
  if (strange !== undefined) {
    throw new UserError(`${what} has no option ${show(strange)}: expected one of ${known.join(", ")}`);
  }
}
