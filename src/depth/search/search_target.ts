/** What is asked of a search, as people write it: so many changed blocks, or what the network may cost. */
import { costOf, type CostUnit, type GeneConstraint, type GeneSpace } from "./gene_space.ts";

/** One of the two; neither where a gene is given. */
export interface SearchTarget {
  /** Blocks that change. */
  readonly k?: number;
  /** One of: fractions of what the network has, or a time in ms. */
  readonly budget?: { readonly params?: number; readonly macs?: number; readonly ms?: number };
}

/** What a space for this target counts; MACs where nothing says otherwise. */
export function unitOf({ budget }: SearchTarget): CostUnit {
  const units = ["params", "ms"] as const satisfies readonly CostUnit[];
  return units.find((unit) => budget?.[unit] !== undefined) ?? "macs";
}

/** Which genes of the space the target allows; undefined where it asks for nothing. */
export function constraintOf(space: GeneSpace, { k, budget }: SearchTarget): GeneConstraint | undefined {
  if (k !== undefined) return { kind: "count", k };
  if (!budget) return undefined;
  const asked = budget[space.unit]!;
  if (space.unit === "ms") return { kind: "budget", limit: asked };
  const whole = costOf(space, space.blocks.map(() => "keep"));
  return { kind: "budget", limit: asked * whole, whole };
}
