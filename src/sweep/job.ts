/** A sweep's jobs: what they say, and the id by which equal work is done once. */
import { sha256 } from "../formats/sha256.ts";
import { isTrained } from "../models/given.ts";
import { mapPaths } from "../recipe/paths.ts";
import type { Recipe } from "../recipe/schema.ts";
import type { Identity } from "./queue/queue.ts";
import type { PartEnd } from "../run/pipeline.ts";
import { gainsByNorms } from "../stages/restored_norms.ts";

/** What a worker needs to know of a job. */
export interface JobPayload {
  /** For people: the trial that asked first, and what is done. */
  readonly label: string;
  /** The whole recipe, with paths from the root. */
  readonly recipe: Recipe;
  readonly until: PartEnd;
  /** Ids of the jobs that lead here, the last one last: from its checkpoint the work goes on, or from an earlier one's. */
  readonly before: readonly string[];
  /** SHA-256 of each file that the recipe names, by its path there, and of those that these name: the store has them. */
  readonly files: Readonly<Record<string, string>>;
  /** What the data were when the sweep began. */
  readonly data: DataMark;
  /** SHA-256 of the kernel plans in the store; "default" for planners' own. */
  readonly plans: string;
  /** For the report. */
  readonly identity: Identity;
}

/** Data by what a recipe asks for, and SHA-256 over all images and labels of what that gave. */
export interface DataMark {
  readonly request: string;
  readonly sha256: string;
}

/** What a job's result depends on, beside its recipe. */
export interface JobGround {
  /** SHA-256 over Secateur's source. */
  readonly source: string;
  readonly adapter: string;
  readonly plans: string;
  readonly data: DataMark;
  /** SHA-256 of each file that the recipe names, by the path that it has there, and of those that these name. */
  readonly files: Readonly<Record<string, string>>;
}

/** Raised when results of earlier versions can't be used any more though the commit is the same. */
const FORMAT = 1;

/**
 * SHA-256, in hexadecimal, of all that decides what the job comes to: source, adapter, plans, data, the recipe's stages up to its
 * end, the seed, and the stages that the earlier jobs ended at. Names and descriptions don't count, nor does what comes later.
 */
export async function jobId(
  recipe: Recipe,
  until: PartEnd,
  before: readonly string[],
  ground: JobGround,
): Promise<string> {
  const { name: _name, description: _description, stages, layout, ...rest } = recipe;
  const ended = until.stage >= stages.length;
  const { files, ...fixed } = ground;
  const named = new Set(filesOf(recipe));
  const beside = Object.keys(files).filter((path) => !named.has(path)).map((path) => files[path]).sort();
  const told = mapPaths(
    { ...rest, stages: stages.slice(0, until.stage) },
    (path) => files[path] ?? path.slice(path.lastIndexOf("/") + 1),
  );
  const text = JSON.stringify([
    FORMAT,
    fixed,
    told,
    until.epochs ?? null,
    before.at(-1) ?? null,
    // Whether norms are put back at the beginning depends on what is done later.
    isTrained(recipe) && recipe.norms === undefined ? gainsByNorms(recipe) : null,
    ended ? [layout ?? null] : null,
    ...beside.length > 0 ? [beside] : [],
  ]);
  return await sha256(new TextEncoder().encode(text));
}

/** The files that a recipe names. */
export function filesOf(recipe: Recipe): string[] {
  const found = new Set<string>();
  const { data: _, ...rest } = recipe;
  mapPaths(rest, (path) => {
    found.add(path);
    return path;
  });
  return [...found].sort();
}
