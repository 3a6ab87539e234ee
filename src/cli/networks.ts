import { UserError } from "../errors.ts";
import { isModelPath } from "../models/given.ts";
import { modelNames } from "../models/zoo.ts";
import type { Store } from "../store/types.ts";
import { requireFile } from "./given_files.ts";

/** For the help of a command: the zoo's names in lines of at most `width` characters. */
export function zooHelp(width: number): string {
  const lines = ["Networks of the zoo:"];
  for (const name of modelNames) {
    const last = lines[lines.length - 1];
    if (lines.length > 1 && last.length + 1 + name.length <= width) lines[lines.length - 1] = `${last} ${name}`;
    else lines.push(`  ${name}`);
  }
  return `\n${lines.join("\n")}`;
}

/**
 * The file that holds the network: for a run's folder its model.safetensors, else what was named.
 * @throws UserError for the folder of a run that has made none, and for a file that isn't there
 */
export async function modelFile(name: string, store: Store): Promise<string> {
  if (await store.size(name) !== undefined) return name;
  const ofRun = `${name}/model.safetensors`;
  if (await store.size(ofRun) !== undefined) return ofRun;
  if (/[/\\]/.test(name) && (await store.list(name)).length > 0) {
    throw new UserError(`${ofRun} is missing: end the run first, or name a file`);
  }
  if (isModelPath(name)) await requireFile(store, name);
  return name;
}
