/** Files that a command line names, looked for before anything else is done. */
import { resolve } from "node:path";
import { UserError } from "../errors.ts";
import { isModelPath } from "../models/given.ts";
import type { Store } from "../store/types.ts";

/** Options that name files. */
export interface GivenFiles {
  /** Or a network of the zoo. */
  readonly model?: string;
  readonly weights?: string;
  readonly device?: string;
  /** Name of an input -> .npy file. */
  readonly input?: Readonly<Record<string, string>>;
}

/** @throws UserError for the first that isn't there */
export async function requireGivenFiles(store: Store, { model, weights, device, input }: GivenFiles): Promise<void> {
  if (model !== undefined && isModelPath(model)) await requireFile(store, model, "--model ");
  if (weights !== undefined) await requireFile(store, weights, "--weights ");
  if (device !== undefined) await requireFile(store, device, "--device ");
  for (const [name, file] of Object.entries(input ?? {})) await requireFile(store, file, `--input ${name}=`);
}

/**
 * @param before what stands before the path on the command line: "--model "
 * @throws UserError where it isn't there, with the place that was looked at
 */
export async function requireFile(store: Store, path: string, before = ""): Promise<void> {
  if (await store.size(path) !== undefined) return;
  const place = resolve(path);
  throw new UserError(`${before}${path}: no such file${place === path ? "" : `; looked for ${place}`}`);
}
