/** Everything that a budget may be given in. */

import type { CostMeasure } from "../types.ts";
import { groups } from "./groups.ts";
import { macs } from "./macs.ts";
import { ms } from "./ms.ts";
import { params } from "./params.ts";
import { peakBytes } from "./peak_bytes.ts";

/** What a budget may be given in. */
export type CostName = "params" | "macs" | "peakBytes" | "groups" | "ms";

export const COSTS: Readonly<Record<CostName, CostMeasure>> = { params, macs, peakBytes, groups, ms };

/** Their names, in the order of tables. */
export const costNames = Object.keys(COSTS) as readonly CostName[];

/** What may stay: fractions in (0, 1] of the whole network's, and milliseconds above 0. */
export type Target = { readonly [Name in CostName]?: number };
