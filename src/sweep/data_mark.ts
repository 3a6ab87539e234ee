/** What data were when a sweep began: workers elsewhere must have the same. */
import type { Splits } from "../data/types.ts";
import { UserError } from "../errors.ts";
import { sha256 } from "../formats/sha256.ts";
import type { DataRequest } from "../recipe/schema.ts";
import type { DataMark } from "./job.ts";

export async function markOf(request: DataRequest, splits: Splits): Promise<DataMark> {
  const parts: unknown[] = [splits.classes, splits.shape, splits.labels ?? "present"];
  for (const { count, images, labels, normalization } of [splits.train, splits.validation, splits.test]) {
    parts.push([count, normalization, await sha256(images), await sha256(labels)]);
  }
  return { request: textOf(request), sha256: await sha256(new TextEncoder().encode(JSON.stringify(parts))) };
}

/** @throws UserError where the same request gives other data here */
export function requireSame(mark: DataMark, own: DataMark, name: string): void {
  if (mark.request !== own.request || mark.sha256 === own.sha256) return;
  throw new UserError(
    `${name}: the data here are not those that the sweep began with: bring the same files, or begin a new sweep`,
  );
}

/** Whether these are the data that the sweep began with: whoever began it has loaded them. */
export function isOfSweep(mark: DataMark, request: DataRequest): boolean {
  return mark.request === textOf(request);
}

/** Where the data lie doesn't count. */
function textOf({ name, ...options }: DataRequest): string {
  return JSON.stringify([name.replace(/^([\w-]+:).*[/\\]/, "$1"), options]);
}
