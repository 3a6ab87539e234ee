/** A sweep's file: a recipe, what varies, what the sweep is after, and how much it may take. */
import * as v from "valibot";
import { show, UserError } from "../errors.ts";
import { readYaml } from "../recipe/yaml_text.ts";
import type { Store } from "../store/types.ts";
import { suggest } from "../validation/names.ts";
import { describeIssues } from "../validation/problems.ts";
import { count, distinct, positive, record, some, text, word } from "../validation/values.ts";
import { checkAims, type Constraint, type Objective, parseConstraint, parseObjective } from "./objective.ts";
import { type PrunerChoice, prunerSchema } from "./pruners/pruners.ts";
import { type SamplerChoice, samplerSchema } from "./samplers/samplers.ts";
import { type Dimension, sizeOf, type Space } from "./space.ts";
import type { Choices, Value } from "./trial.ts";

const value = v.union([v.number(), v.boolean(), v.string()], "expected a number, a text, true or false");
/** More than a sweep's coordinator can hold (docs/sweeps.md). */
const MOST_TRIALS = 1_000_000;

const seed = v.pipe(count(0), v.maxValue(0xffff_ffff, "expected a whole number below 2^32"));
const number = v.pipe(v.number("expected a number"), v.finite("expected a number"));
const scale = v.optional(word("linear", "log"), "linear");

const list = v.pipe(
  distinct(value),
  v.transform((values): Dimension => ({ kind: "choice", values })),
);

const ORDER = "expected from to be at most to";
const LOG = "a logarithmic range begins above 0";

const range = v.pipe(
  record({ from: number, to: number, scale }),
  v.check(({ from, to }) => from <= to, ORDER),
  v.check(({ from, scale }) => scale === "linear" || from > 0, LOG),
  v.transform((given): Dimension => ({ kind: "real", ...given })),
);
const whole = v.pipe(v.number("expected a whole number"), v.safeInteger("expected a whole number"));
const integers = v.pipe(
  record({ integers: v.literal(true, "expected true"), from: whole, to: whole, step: v.optional(count(1), 1), scale }),
  v.check(({ from, to }) => from <= to, ORDER),
  v.check(({ from, scale }) => scale === "linear" || from > 0, LOG),
  v.transform(({ integers: _, ...given }): Dimension => ({ kind: "integer", ...given })),
);

/** Settings of a recipe by their paths. */
const settings = v.record(v.string(), v.unknown(), "expected a map from paths in the recipe to values");

/** Options that have a name each, and change several keys of the recipe together. */
const options = v.pipe(
  record({ options: v.record(v.string(), settings, "expected a map from names to settings") }),
  v.check(({ options }) => Object.keys(options).length > 0, "expected at least one option"),
);

interface Varying {
  readonly dimension: Dimension;
  /** By the name of the option. */
  readonly options?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const neither = v.pipe(
  v.unknown(),
  v.check(() => false, "expected a list of values, a range such as { from: 0.2, to: 0.8 }, or options"),
);

const varying = v.lazy((given) => {
  if (Array.isArray(given)) return list;
  if (typeof given !== "object" || given === null) return neither;
  if ("options" in given) return options;
  return "integers" in given ? integers : range;
}) as unknown as v.GenericSchema<unknown, Dimension | v.InferOutput<typeof options>>;

/** `grid` is short for `{ kind: grid }`. */
function named<T>(schema: v.GenericSchema<unknown, T>): v.GenericSchema<unknown, T> {
  return v.pipe(v.unknown(), v.transform((given) => typeof given === "string" ? { kind: given } : given), schema);
}

const file = record({
  version: v.literal(1, "expected 1, the version of sweeps that this Secateur reads"),
  name: v.pipe(
    v.string("expected a name"),
    v.regex(/^[A-Za-z0-9][\w.-]*$/, "expected a name of letters, digits, dots, dashes and underscores"),
  ),
  description: v.optional(text()),
  /** Name or path of a recipe. */
  recipe: text(),
  /** What is set in the recipe for all trials, by path. */
  set: v.optional(settings, {}),
  /** Path in the recipe, or a name for options, and its values. */
  vary: v.optional(v.record(v.string(), varying, "expected a map from paths in the recipe to values"), {}),
  /** Each choice is tried with each of them; a number n stands for 1 … n. Default: the recipe's own. */
  seeds: v.optional(
    v.union(
      [v.pipe(count(1), v.maxValue(MOST_TRIALS, `expected at most ${MOST_TRIALS} seeds`)), distinct(seed)],
      "expected a number of seeds, or a list of them",
    ),
  ),
  /** "max accuracy", "min macs" … */
  objectives: some(v.string("expected max or min and a metric")),
  constraints: v.optional(v.array(v.string("expected a metric, >= or <=, and a number"), "expected a list"), []),
  sampler: v.optional(named(samplerSchema), { kind: "grid" }),
  pruner: v.optional(named(prunerSchema), { kind: "none" }),
  budget: v.optional(record({ trials: v.optional(count(1)), hours: v.optional(positive()) }), {}),
  /** Kernels as planners choose them, or as they were measured on this adapter before the sweep began. */
  plans: v.optional(word("default", "kept"), "default"),
});

/** A sweep as its file says it, checked, with defaults filled in. */
export interface SweepFile {
  readonly name: string;
  readonly description?: string;
  readonly recipe: string;
  readonly set: Readonly<Record<string, unknown>>;
  readonly space: Space;
  /** What an option of a dimension changes, by the dimension's name and the option's. */
  readonly options: Readonly<Record<string, NonNullable<Varying["options"]>>>;
  /** Undefined: the recipe's own. */
  readonly seeds: readonly number[] | undefined;
  readonly objectives: readonly Objective[];
  readonly constraints: readonly Constraint[];
  readonly sampler: SamplerChoice;
  readonly pruner: PrunerChoice;
  readonly budget: { readonly trials?: number; readonly hours?: number };
  readonly plans: "default" | "kept";
}

/** @throws UserError for a missing file, bad YAML (with line and column), or a value that doesn't fit */
export async function loadSweepFile(
  path: string,
  store: Store,
): Promise<{ readonly file: SweepFile; readonly text: string }> {
  const bytes = await store.read(path);
  if (!bytes) {
    throw new UserError(`${path}: no such file; give the path of a sweep's .yaml file (docs/sweeps.md shows one)`);
  }
  const text = new TextDecoder().decode(bytes);
  return { file: parseSweepFile(text, path), text };
}

/** @param where what the file is called in errors */
export function parseSweepFile(text: string, where: string): SweepFile {
  const read = readYaml(text);
  if (!("value" in read)) {
    throw new UserError(`${where}${read.at ? `, line ${read.at.line}, column ${read.at.col}` : ""}: ${read.problem}`);
  }
  if (read.value === null) throw new UserError(`${where}: is empty; docs/sweeps.md shows what a sweep's file says`);
  const result = v.safeParse(file, read.value);
  if (!result.success) throw new UserError(`${where}: ${describeIssues(result.issues)}`);
  try {
    return complete(result.output);
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${where}: ${error.message}`) : error;
  }
}

function complete(
  { vary, seeds, objectives, constraints, version: _, ...rest }: v.InferOutput<typeof file>,
): SweepFile {
  checkOnePlace(vary, rest.set);
  const space: Record<string, Dimension> = {};
  const options: Record<string, NonNullable<Varying["options"]>> = {};
  for (const [name, given] of Object.entries(vary)) {
    if ("options" in given) {
      space[name] = { kind: "choice", values: Object.keys(given.options) };
      options[name] = given.options as NonNullable<Varying["options"]>;
    } else space[name] = given;
  }
  const { sampler, pruner, budget } = rest;
  if (sampler.kind === "nsga2" && pruner.kind !== "none") {
    throw new UserError(
      `pruner ${pruner.kind}: nsga2 breeds from trials that were trained to their end, and would wait for those that the ` +
        "pruner holds back: leave the pruner out, or sample by grid or random",
    );
  }
  if (sampler.kind === "grid" && sizeOf(space) === Infinity) {
    const [name] = Object.entries(space).find(([, { kind }]) => kind === "real")!;
    throw new UserError(
      `vary.${name}: a grid has no end of values in a range of real numbers: list some, or sample at random`,
    );
  }
  const repeats = typeof seeds === "number" ? seeds : seeds?.length ?? 1;
  const cells = sizeOf(space) * repeats;
  if (sampler.kind === "grid" && cells > MOST_TRIALS) {
    throw new UserError(
      `vary: a grid of ${cells} trials, expected at most ${MOST_TRIALS}: list fewer values, or sample at random with a budget`,
    );
  }
  if (sampler.kind === "nsga2" && sampler.population * repeats >= (budget.trials ?? Infinity)) {
    throw new UserError(
      `sampler nsga2: its first generation, ${sampler.population} choices with ${repeats} ${
        repeats === 1 ? "seed" : "seeds"
      } each, takes all ${budget.trials} trials, and nothing would be bred: give a smaller population or more trials, or sample at random`,
    );
  }
  if (sampler.kind !== "grid" && budget.trials === undefined && budget.hours === undefined) {
    throw new UserError(`budget: the sampler ${sampler.kind} has no end of its own: give trials or hours`);
  }
  if (Object.keys(space).length === 0 && seeds === undefined) {
    throw new UserError("nothing varies: give vary or seeds, or use secateur prune");
  }
  const aims = { objectives: objectives.map(parseObjective), constraints: constraints.map(parseConstraint) };
  checkAims(aims.objectives, aims.constraints);
  return {
    ...rest,
    ...aims,
    space,
    options,
    seeds: typeof seeds === "number" ? Array.from({ length: seeds }, (_, i) => i + 1) : seeds,
  };
}

/**
 * Each path of a recipe is varied in one place, or of two that change it one would have no effect. What is set for all trials is
 * what options that don't name it have.
 *
 * @throws UserError for a path that stands in two places, and for the seed, which is given otherwise
 */
function checkOnePlace(vary: Readonly<Record<string, Dimension | v.InferOutput<typeof options>>>, set: object): void {
  const by = new Map<string, string>();
  for (const [name, given] of Object.entries(vary)) {
    const paths = "options" in given ? Object.values(given.options).flatMap(Object.keys) : [name];
    for (const path of new Set(paths)) {
      if (path === "seed") throw new UserError(`vary.${name}: the seed is varied by the sweep's own key: give seeds`);
      const other = by.get(path);
      if (other !== undefined) {
        throw new UserError(`vary.${name}: ${path} is varied by ${other} as well: vary it in one place`);
      }
      by.set(path, name);
    }
    if (!("options" in given) && Object.hasOwn(set, name)) {
      throw new UserError(`vary.${name}: it is set for all trials as well: leave one out`);
    }
  }
}

/** What varies, as paths in the recipe. */
export function variedPaths({ space, options }: Pick<SweepFile, "space" | "options">): string[] {
  return Object.keys(space).flatMap((name) =>
    Object.hasOwn(options, name) ? Object.values(options[name]).flatMap(Object.keys) : [name]
  );
}

/** What a trial's choices set in the recipe, as `path=value` for `loadRecipe`, behind what the sweep sets for all. */
export function settingsOf({ set, options }: Pick<SweepFile, "set" | "options">, choices: Choices): string[] {
  const own = Object.entries(choices).flatMap(([name, value]) => Object.entries(changesOf(options, name, value)));
  return [...Object.entries(set), ...own].map(([path, value]) => `${path}=${JSON.stringify(value)}`);
}

function changesOf(options: SweepFile["options"], name: string, value: Value): Readonly<Record<string, unknown>> {
  if (!Object.hasOwn(options, name)) return { [name]: value };
  const found = options[name][String(value)];
  if (!found) {
    throw new UserError(`${name}: no option ${show(value)}${suggest(String(value), Object.keys(options[name]))}`);
  }
  return found;
}
