/** Metrics as people read them, by their names. */
import { bytes, count, milliseconds, percent, plain, short } from "../../report/format.ts";
import type { Trial } from "../trial.ts";

/** What kind of number it is: fractions are compared by their difference, other numbers by their ratio. */
export function isFraction(metric: string): boolean {
  return /accuracy|agreement/i.test(metric);
}

/** Milliseconds: "ms", and names such as "medianMs". */
export function isTime(metric: string): boolean {
  return metric === "ms" || metric.endsWith("Ms");
}

/** "98.12 %", "2.29 M", "1.23 ms"; what is missing is "–". */
export function metricText(metric: string, value: number | undefined): string {
  if (value === undefined) return "–";
  if (isFraction(metric)) return percent(value);
  if (isTime(metric)) return `${milliseconds(value)} ms`;
  if (/bytes$/i.test(metric)) return bytes(value);
  if (/^(params|macs|nonzero)$/.test(metric)) return value < 10_000 ? count(value) : short(value);
  return plain(value);
}

/** "criterion l2, keep 0.5, seed 3" */
export function choiceWords({ choices, seed }: Pick<Trial, "choices" | "seed">): string {
  const names = shortNames(Object.keys(choices));
  const words = Object.values(choices).map((value, i) => `${names[i]} ${valueText(value)}`);
  return [...words, `seed ${seed}`].join(", ");
}

/** Of paths in a recipe the last parts, as many as it takes to tell them apart: "criterion" of "stages.1.criterion". */
export function shortNames(names: readonly string[]): string[] {
  const ending = (name: string, parts: number) => name.split(".").slice(-parts).join(".");
  return names.map((name) => {
    let parts = 1;
    while (
      ending(name, parts) !== name &&
      names.some((other) => other !== name && ending(other, parts) === ending(name, parts))
    ) {
      parts++;
    }
    return ending(name, parts);
  });
}

/** Numbers briefly, other values as they are. */
export function valueText(value: Trial["choices"][string]): string {
  return typeof value === "number" ? plain(value) : String(value);
}
