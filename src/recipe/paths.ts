/** The files that a recipe names. In YAML their paths are relative to the recipe's own file, once loaded to the working directory. */
import { parseSource } from "../data/source.ts";
import { isModelPath } from "../models/given.ts";
import { joinPath, normalisePath, parentOf } from "../store/path.ts";

/** What of a recipe may name files; it needs no validation yet. */
interface Naming {
  readonly model?: { readonly name?: unknown; readonly inputs?: unknown };
  readonly weights?: unknown;
  readonly device?: unknown;
  readonly data?: { readonly name?: unknown };
  readonly stages?: unknown;
}

/** A copy in which each path is what `map` makes of it. */
export function mapPaths<R>(recipe: R, map: (path: string) => string): R {
  const { model, weights, data, device, stages } = recipe as Naming;
  const source = typeof data?.name === "string" ? parseSource(data.name) : undefined;
  return {
    ...recipe,
    ...model ? { model: mapModel(model, map) } : {},
    ...typeof weights === "string" ? { weights: map(weights) } : {},
    ...typeof device === "string" ? { device: map(device) } : {},
    ...Array.isArray(stages) ? { stages: stages.map((stage) => mapStage(stage, map)) } : {},
    ...source ? { data: { ...data, name: `${source.kind}:${map(source.path)}` } } : {},
  };
}

function mapModel(model: NonNullable<Naming["model"]>, map: (path: string) => string) {
  const { name, inputs } = model;
  const isMap = typeof inputs === "object" && inputs !== null;
  return {
    ...model,
    ...typeof name === "string" && isModelPath(name) ? { name: map(name) } : {},
    ...isMap
      ? { inputs: Object.fromEntries(Object.entries(inputs).map(([key, path]) => [key, pathOr(path, map)])) }
      : {},
  };
}

/** A budget may name a file of curves. */
function mapStage(stage: unknown, map: (path: string) => string): unknown {
  const { budget } = (stage ?? {}) as { readonly budget?: { readonly sensitivity?: unknown } };
  if (typeof budget?.sensitivity !== "string") return stage;
  return { ...stage as object, budget: { ...budget, sensitivity: map(budget.sensitivity) } };
}

/** What isn't a path is for the schema to refuse. */
function pathOr(value: unknown, map: (path: string) => string): unknown {
  return typeof value === "string" ? map(value) : value;
}

/** A path that stands in `file`, seen from where `file` is named. */
export function relativeTo(file: string, path: string): string {
  if (/^([/\\]|[A-Za-z]:[/\\])/.test(path)) return path;
  return normalisePath(joinPath(parentOf(file), path)) || ".";
}
