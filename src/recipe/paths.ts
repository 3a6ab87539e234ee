/** The files that a recipe names. In YAML their paths are relative to the recipe's own file, once loaded to the working directory. */
import { parseSource } from "../data/source.ts";
import { isModelPath } from "../models/given.ts";
import { joinPath, normalisePath, parentOf } from "../store/path.ts";

/** What of a recipe may name files; it needs no validation yet. */
interface Naming {
  readonly model?: { readonly name?: unknown };
  readonly weights?: unknown;
  readonly device?: unknown;
  readonly data?: { readonly name?: unknown };
}

/** A copy in which each path is what `map` makes of it. */
export function mapPaths<R>(recipe: R, map: (path: string) => string): R {
  const { model, weights, data, device } = recipe as Naming;
  const source = typeof data?.name === "string" ? parseSource(data.name) : undefined;
  return {
    ...recipe,
    ...typeof model?.name === "string" && isModelPath(model.name) ? { model: { ...model, name: map(model.name) } } : {},
    ...typeof weights === "string" ? { weights: map(weights) } : {},
    ...typeof device === "string" ? { device: map(device) } : {},
    ...source ? { data: { ...data, name: `${source.kind}:${map(source.path)}` } } : {},
  };
}

/** A path that stands in `file`, seen from where `file` is named. */
export function relativeTo(file: string, path: string): string {
  if (/^([/\\]|[A-Za-z]:[/\\])/.test(path)) return path;
  return normalisePath(joinPath(parentOf(file), path)) || ".";
}
