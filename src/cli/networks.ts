import { UserError } from "../errors.ts";
import type { Model } from "../graph/types.ts";
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

/** A network that is measured under a name of its own. */
export interface NamedNetwork {
  readonly name: string;
  readonly model: Model;
}

/**
 * Networks of the zoo, of seeded weights, and of files: nets/mine.onnx is called mine, or by its path where two would share a name.
 *
 * @throws UserError for a name that nothing has, and for a file that isn't there or can't be read
 */
export async function networksNamed(names: readonly string[], store: Store): Promise<NamedNetwork[]> {
  const { readGiven } = await import("../models/given.ts");
  const { zooModel } = await import("../prune/methods/uniform.ts");
  const short = names.map((name) => isModelPath(name) ? name.replace(/^.*[/\\]|\.[^.]+$/g, "") : name);
  return await Promise.all(names.map(async (name, i): Promise<NamedNetwork> => {
    if (!isModelPath(name)) return { name, model: zooModel(name) };
    await requireFile(store, name);
    const shared = short.filter((other) => other === short[i]).length > 1;
    return { name: shared ? name : short[i], model: (await readGiven({ model: { name } }, store)).model! };
  }));
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
