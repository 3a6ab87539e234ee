import { show, UsageError, UserError } from "../errors.ts";
import { suggest } from "../validation/names.ts";
import { readYaml } from "./yaml_text.ts";

/**
 * A copy of a recipe, not validated yet, with `path=value` settings applied in turn: `stages.1.constraints.0.keep=0.3`.
 * Values are YAML; an empty one or null takes the key away. Maps that are missing on the way are made; whether the keys
 * exist is for the schema to say.
 * @throws UsageError for a setting without "=", UserError for a path that leads nowhere
 */
export function applyOverrides(recipe: unknown, settings: readonly string[]): unknown {
  const copy = structuredClone(recipe);
  for (const setting of settings) {
    const equals = setting.indexOf("=");
    if (equals <= 0) throw new UsageError(`--set ${setting}: expected path=value, for example seed=3`);
    const path = setting.slice(0, equals).trim().split(".");
    const value = parseValue(setting, setting.slice(equals + 1));
    if (value !== null) makeRoom(copy, path);
    assign(copy, path, value, setting);
  }
  return copy;
}

/** keep and budget exclude each other: the one that is set takes the place of the one that was there. */
function makeRoom(recipe: unknown, [list, index, key, ...rest]: readonly string[]): void {
  const stage = list === "stages" && isMap(recipe) && Array.isArray(recipe.stages) && recipe.stages[Number(index)];
  if (!isMap(stage)) return;
  const constraints = Array.isArray(stage.constraints) ? stage.constraints.filter(isMap) : [];
  const ofConstraint = key === "constraints" && rest[rest.length - 1] === "keep";
  if (key === "keep" || ofConstraint) delete stage.budget;
  if (key === "budget") delete stage.keep;
  if (key === "keep" || key === "budget") constraints.forEach((constraint) => delete constraint.keep);
}

function parseValue(setting: string, text: string): unknown {
  const read = readYaml(text);
  if ("value" in read) return read.value ?? null;
  const said = setting.length > 60 ? `${setting.slice(0, 57)}…` : setting;
  throw new UserError(`--set ${said}: the value is no YAML: ${read.problem}`);
}

function assign(root: unknown, path: readonly string[], value: unknown, setting: string): void {
  let at = root;
  for (const [depth, key] of path.entries()) {
    const here = depth === 0 ? "the recipe" : path.slice(0, depth).join(".");
    const last = depth === path.length - 1;
    if (Array.isArray(at)) {
      const index = /^\d+$/.test(key) ? Number(key) : NaN;
      // One past the end appends.
      if (!(index < at.length || (last && index === at.length && value !== null))) {
        const range = at.length === 0 ? "is empty" : `has the entries 0 to ${at.length - 1}`;
        throw new UserError(`--set ${setting}: no such path: ${here} ${range}`);
      }
      if (last && value === null) at.splice(index, 1);
      else if (last) at[index] = value;
      else at = at[index];
    } else if (isMap(at)) {
      if (key === "" || key === "__proto__") {
        throw new UserError(`--set ${setting}: no such path${suggest(key, Object.keys(at))}`);
      }
      if (last && value === null) delete at[key];
      else if (last) at[key] = value;
      else at = at[key] ??= {};
    } else {
      throw new UserError(`--set ${setting}: no such path: ${here} is ${show(at)} and has no keys`);
    }
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
