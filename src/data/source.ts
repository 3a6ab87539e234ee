/** Names of data of one's own: a kind and a path, `folder:./images`, `cifar10:./cifar-10-binary.tar.gz`. */
import { UserError } from "../errors.ts";
import { cifarSets } from "./cifar.ts";

export interface Source {
  readonly kind: string;
  readonly path: string;
}

export const sourceKinds: readonly string[] = ["folder", ...Object.keys(cifarSets)];

/** A name's two halves; undefined where it doesn't begin with a known kind. Throws UserError where the path is missing. */
export function parseSource(name: string): Source | undefined {
  const colon = name.indexOf(":");
  const [kind, path] = [name.slice(0, colon), name.slice(colon + 1)];
  if (colon < 0 || !sourceKinds.includes(kind)) return undefined;
  if (path === "") throw new UserError(`data set "${name}": found no path, expected one such as ${kind}:./data`);
  return { kind, path };
}
