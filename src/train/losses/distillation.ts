import type { Graph, Model } from "../../graph/types.ts";
import { distillationLoss } from "../../tensor/ops/loss.ts";
import type { Loss } from "../types.ts";
import { requireTeacher } from "./teacher.ts";
import { type Scalar, valueAt } from "./scalar.ts";

/** How this loss is computed. */
export interface DistillationSettings {
  /** A trained network for the same images and classes. It stays as it is. */
  readonly teacher: Model;
  /** T > 0 that logits are divided by. Default 4. */
  readonly temperature?: Scalar;
  /** What the teacher's output is; "probabilities" for a network that ends in a Softmax. Default "logits". */
  readonly targets?: "logits" | "probabilities";
  /** Whose logits; default: the training's first graph. */
  readonly graph?: Graph;
}

/**
 * T² · KL(teacher ‖ student) of the classes at temperature T (Hinton, Vinyals and Dean, arXiv 1503.02531), the mean over a
 * batch: a graph learns what a frozen network says, and no labels are read. Beside the labels in a weighted sum.
 *
 * @throws UserError without a teacher
 */
export function distillation({ teacher, temperature = 4, targets, graph }: DistillationSettings): Loss {
  requireTeacher("distill", teacher);
  return ({ tape, forward, frozen, epoch }) => {
    const [expected] = frozen(teacher);
    return distillationLoss(tape, forward(graph), expected, {
      temperature: valueAt("distill: temperature", temperature, epoch),
      targets,
    });
  };
}
