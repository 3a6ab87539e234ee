/** What a model's file says of its inputs and outputs beside its weights, as texts under keys of ours. */
import { show, UserError } from "../errors.ts";

/** What is undefined, the file doesn't say. */
export interface ModelMetadata {
  /** x = (pixel - mean[c]) / std[c], pixels in 0…1. */
  readonly mean?: readonly number[];
  /** Of each channel, [C], above 0. */
  readonly std?: readonly number[];
  /** Height and width. */
  readonly size?: readonly [number, number];
  /** What each output stands for. */
  readonly classes?: readonly string[];
}

/** For safetensors' `__metadata__` and ONNX's `metadata_props`: lists separated by commas, names as JSON. */
export function formatMetadata({ mean, std, size, classes }: ModelMetadata): Record<string, string> {
  return {
    ...mean ? { "secateur.mean": mean.join(",") } : {},
    ...std ? { "secateur.std": std.join(",") } : {},
    ...size ? { "secateur.size": size.join(",") } : {},
    ...classes ? { "secateur.classes": JSON.stringify(classes) } : {},
  };
}

/**
 * What `formatMetadata` wrote; other keys are left alone. One number as size means a square.
 * @param file names the file in errors
 */
export function parseMetadata(texts: Readonly<Record<string, string>>, file: string): ModelMetadata {
  const fail = (key: string, expected: string) =>
    new UserError(`${file}: its metadata secateur.${key} is ${show(texts[`secateur.${key}`])}, expected ${expected}`);
  const numbers = (key: string, expected: string, fits: (value: number) => boolean): number[] | undefined => {
    const text = texts[`secateur.${key}`];
    if (text === undefined) return undefined;
    const values = text.split(",").map((part) => part.trim() === "" ? NaN : Number(part));
    if (!values.every((value) => Number.isFinite(value) && fits(value))) throw fail(key, expected);
    return values;
  };
  const size = numbers("size", "height,width", (value) => Number.isInteger(value) && value > 0);
  if (size && size.length > 2) throw fail("size", "height,width");
  return {
    mean: numbers("mean", "numbers separated by commas", () => true),
    std: numbers("std", "numbers above 0 separated by commas", (value) => value > 0),
    size: size && [size[0], size[1] ?? size[0]],
    classes: classesOf(texts["secateur.classes"], () => fail("classes", "a list of names as JSON")),
  };
}

function classesOf(text: string | undefined, fail: () => UserError): string[] | undefined {
  if (text === undefined) return undefined;
  let classes: unknown;
  try {
    classes = JSON.parse(text);
  } catch {
    throw fail();
  }
  if (!Array.isArray(classes) || !classes.every((name) => typeof name === "string")) throw fail();
  return classes;
}
