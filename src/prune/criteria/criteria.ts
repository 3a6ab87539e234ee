/** Every criterion by its name. */

import { UserError } from "../../errors.ts";
import { activation } from "./activation.ts";
import { apoz } from "./apoz.ts";
import { bnScale } from "./bn_scale.ts";
import { chip } from "./chip.ts";
import { fisher } from "./fisher.ts";
import { flap } from "./flap.ts";
import { fpgm } from "./fpgm.ts";
import { hrank } from "./hrank.ts";
import { l1 } from "./l1.ts";
import { l2 } from "./l2.ts";
import { lamp } from "./lamp.ts";
import { randomLots } from "./random.ts";
import { reconstruction } from "./reconstruction.ts";
import { snip } from "./snip.ts";
import { synapticStrength } from "./synaptic_strength.ts";
import { synflow } from "./synflow.ts";
import { taylor } from "./taylor.ts";
import { taylorSum } from "./taylor_sum.ts";
import type { Criterion } from "./types.ts";
import { wanda } from "./wanda.ts";

const ALL: readonly Criterion[] = [
  l2,
  l1,
  randomLots,
  bnScale,
  lamp,
  fpgm,
  synapticStrength,
  synflow,
  taylor,
  taylorSum,
  fisher,
  snip,
  activation,
  apoz,
  hrank,
  chip,
  wanda,
  flap,
  reconstruction,
];

/** By name: what a group may be worth. */
export const CRITERIA: ReadonlyMap<string, Criterion> = new Map(ALL.map((criterion) => [criterion.name, criterion]));

/** @throws UserError for an unknown name, with those that are known */
export function criterionNamed(name: string): Criterion {
  const found = CRITERIA.get(name);
  if (!found) throw new UserError(`unknown criterion "${name}": known are ${[...CRITERIA.keys()].join(", ")}`);
  return found;
}
