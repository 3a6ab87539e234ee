import { stringify } from "yaml";
import { show, UserError } from "../errors.ts";
import type { Store } from "../store/types.ts";
import { nearest } from "../validation/names.ts";
import { named } from "./named.ts";
import { applyOverrides } from "./overrides.ts";
import { mapPaths, relativeTo } from "./paths.ts";
import { parseRecipe, type Recipe } from "./schema.ts";
import { readYaml } from "./yaml_text.ts";

export interface RecipeChanges {
  /** `path=value`, applied in turn. */
  readonly set?: readonly string[];
  readonly seed?: number;
  readonly limit?: number;
  /** False ignores what the data's folders say of the images. */
  readonly labels?: boolean;
  /** Name of the data: digits, folder:./images, … */
  readonly data?: string;
  /** A model's file, or a network of the zoo, without options. */
  readonly model?: string;
  readonly weights?: string;
  /** The output of a model's file that counts, where there are several. */
  readonly output?: string;
  /** Inputs that are the same for all samples, and the .npy files of their numbers. */
  readonly input?: Readonly<Record<string, string>>;
  /** A device's record, for budgets in ms. */
  readonly device?: string;
  /** How the written ONNX file takes its images: nchw or nhwc. */
  readonly layout?: string;
}

/**
 * A recipe by its name (digits) or by the path of its file (my.yaml, ./my), changed as asked. Paths in a file are relative
 * to it, paths in `changes` to the working directory, and so are all in the result.
 * @throws UserError for an unknown name, a missing file, bad YAML (with line and column) or a value that doesn't fit
 */
export async function loadRecipe(nameOrPath: string, store: Store, changes: RecipeChanges = {}): Promise<Recipe> {
  const { given, where } = await readRecipe(nameOrPath, store);
  return changedRecipe(given, where, changes);
}

/** A recipe as it is written, for `changedRecipe`. */
export interface GivenRecipe {
  /** Not validated yet; its paths are relative to the working directory. */
  readonly given: unknown;
  /** What errors call it. */
  readonly where: string;
}

/** @throws UserError for an unknown name, a missing file or bad YAML (with line and column) */
export async function readRecipe(nameOrPath: string, store: Store): Promise<GivenRecipe> {
  if (isNetworkFile(nameOrPath)) {
    throw new UserError(
      `${nameOrPath} is a network and no recipe: secateur prune ${nameOrPath} --data … chooses one for it, or name a recipe and ` +
        `give --model ${nameOrPath}`,
    );
  }
  const isPath = !isNamed(nameOrPath);
  const text = isPath ? await readText(nameOrPath, store) : namedText(nameOrPath);
  const where = isPath ? nameOrPath : `recipe ${nameOrPath}`;
  const written = spellOut(parseYaml(text, where));
  const given = isPath && isMap(written) ? mapPaths(written, (path) => relativeTo(nameOrPath, path)) : written;
  return { given, where };
}

/** Whether it is the name of a recipe, and not the path of one. */
export function isNamed(nameOrPath: string): boolean {
  return !/[/\\]|\.ya?ml$/i.test(nameOrPath);
}

/** Whether a name is that of a network's file, of which a recipe can be made. */
export function isNetworkFile(name: string): boolean {
  return /\.onnx$/i.test(name);
}

/**
 * A recipe that isn't validated yet, changed as asked; all paths are relative to the working directory.
 * @param where what it is called in errors
 * @throws UserError for a value that doesn't fit
 */
export function changedRecipe(given: unknown, where: string, changes: RecipeChanges): Recipe {
  const settings = [...(changes.set ?? [])];
  if (changes.seed !== undefined) settings.push(`seed=${changes.seed}`);
  if (changes.limit !== undefined) settings.push(`data.limit=${changes.limit}`);
  if (changes.labels === false) settings.push("data.labels=ignore");
  if (changes.model !== undefined) settings.push(`model={ name: ${JSON.stringify(changes.model)} }`);
  if (changes.output !== undefined) settings.push(`model.output=${JSON.stringify(changes.output)}`);
  if (changes.input !== undefined) settings.push(`model.inputs=${JSON.stringify(changes.input)}`);
  if (changes.weights !== undefined) settings.push(`weights=${JSON.stringify(changes.weights)}`);
  if (changes.device !== undefined) settings.push(`device=${JSON.stringify(changes.device)}`);
  if (changes.layout !== undefined) settings.push(`layout=${JSON.stringify(changes.layout)}`);
  if (changes.data !== undefined) settings.push(`data.name=${JSON.stringify(changes.data)}`);
  return settings.length === 0
    ? parseRecipe(given, where)
    : parseRecipe(applyOverrides(given, settings), `${where} with ${settings.join(", ")}`);
}

/** The recipes that have a name, validated. */
export function namedRecipes(): Recipe[] {
  return Object.entries(named).map(([name, text]) => parseRecipe(spellOut(parseYaml(text, name)), `recipe ${name}`));
}

/** A recipe as YAML that `loadRecipe` reads back to an equal recipe. */
export function formatRecipe(recipe: Recipe): string {
  return stringify(recipe, { lineWidth: 120, aliasDuplicateObjects: false });
}

/** `data: folder:./images` is short for `data: { name: folder:./images }`, and so is `model: ./net.onnx`. */
function spellOut(recipe: unknown): unknown {
  if (!isMap(recipe)) return recipe;
  const { model, data } = recipe;
  return {
    ...recipe,
    ...typeof model === "string" ? { model: { name: model } } : {},
    ...typeof data === "string" ? { data: { name: data } } : {},
  };
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function namedText(name: string): string {
  if (Object.hasOwn(named, name)) return named[name];
  throw new UserError(
    `no recipe is named ${show(name)}: nearest are ${nearest(name, Object.keys(named), 3).join(", ")}; ` +
      "`secateur recipes` lists all; or give the path of a .yaml file",
  );
}

/** Many times the longest recipe, and parsed in no time. */
const MOST_BYTES = 2 ** 18;

async function readText(path: string, store: Store): Promise<string> {
  const bytes = await store.read(path);
  if (!bytes) {
    throw new UserError(`${path}: no such file; give the path of a recipe, or a name that \`secateur recipes\` lists`);
  }
  if (bytes.length > MOST_BYTES) {
    throw new UserError(`${path}: has ${bytes.length} bytes, expected a recipe of at most ${MOST_BYTES}`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new UserError(`${path}: not a text in UTF-8; a recipe is a YAML file`);
  }
}

function parseYaml(text: string, where: string): unknown {
  const read = readYaml(text);
  if ("value" in read) return read.value;
  const { problem, at } = read;
  throw new UserError(`${at ? `${where}, line ${at.line}, column ${at.col}` : where}: ${problem}`);
}
