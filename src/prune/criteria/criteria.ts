/** Every criterion by its name. */

import { UserError } from "../../errors.ts";
import { bnScale } from "./bn_scale.ts";
import { randomLots } from "./random.ts";
import { l1 } from "./l1.ts";
import { l2 } from "./l2.ts";
import { lamp } from "./lamp.ts";
import type { Criterion } from "./types.ts";

const ALL: readonly Criterion[] = [l2, l1, randomLots, bnScale, lamp];

/** By name: what a group may be worth. */
export const CRITERIA: ReadonlyMap<string, Criterion> = new Map(ALL.map((criterion) => [criterion.name, criterion]));

/** @throws UserError for an unknown name, with those that are known */
export function criterionNamed(name: string): Criterion {
  const found = CRITERIA.get(name);
  if (!found) throw new UserError(`unknown criterion "${name}": known are ${[...CRITERIA.keys()].join(", ")}`);
  return found;
}
