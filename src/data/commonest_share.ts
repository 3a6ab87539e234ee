import type { Dataset } from "./types.ts";

/** The share, in 0…1, of the class that most samples are of: the accuracy of saying it always. */
export function commonestShare({ labels, classes, count }: Pick<Dataset, "labels" | "classes" | "count">): number {
  const counts = new Uint32Array(classes);
  for (const label of labels) counts[label]++;
  return Math.max(...counts) / count;
}
