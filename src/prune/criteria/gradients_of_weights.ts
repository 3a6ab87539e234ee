/** What criteria that look at the loss's gradients with respect to weights have in common. */
import { sumOfWeights } from "../structures/elements.ts";
import type { Constraint } from "../structures/types.ts";
import type { EvidenceRequest, GatheredEvidence } from "../../train/evidence/evidence.ts";
import type { Evidence } from "./types.ts";

/** Gradients of the weights of these groups. */
export function weightGradients({ members }: Constraint): EvidenceRequest {
  return { parameters: members.filter(({ role }) => role === "weight").map(({ param }) => param) };
}

/** Σ of `of(w, the gradient's number)` over a group's weights; `which` says what of the gradient is meant. */
export function sumWithGradients(
  groups: Constraint,
  { model, gathered }: Evidence,
  which: "mean" | "meanSquare",
  of: (w: number, gradient: number) => number,
): Float64Array {
  const { parameters } = gathered as GatheredEvidence;
  return sumOfWeights(groups, model.params, (w, element, param) => of(w, parameters.get(param)![which][element]));
}
