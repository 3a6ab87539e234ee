import { UserError } from "../../errors.ts";
import type { Graph, Model } from "../../graph/types.ts";
import { meanSquaredError } from "../../tensor/ops/loss.ts";
import { add, scale } from "../../tensor/ops/pointwise.ts";
import type { Loss } from "../types.ts";
import { requireTeacher } from "./teacher.ts";

/** How this loss is computed. */
export interface OutputErrorSettings {
  /** The network whose outputs are to be reproduced, usually the dense one. It stays as it is. */
  readonly teacher: Model;
  /** Whose outputs; default: the training's first graph. */
  readonly graph?: Graph;
}

/**
 * The mean squared error of a graph's outputs against a frozen network's, in their order; of several outputs the
 * mean of their errors. It needs no labels, so it trains networks that have none, such as detectors.
 *
 * @throws UserError without a teacher, and in a step where the numbers of outputs differ
 */
export function outputError({ teacher, graph }: OutputErrorSettings): Loss {
  requireTeacher("outputs", teacher);
  return ({ tape, outputs, frozen }) => {
    const [actual, expected] = [outputs(graph), frozen(teacher)];
    if (actual.length !== expected.length) {
      throw new UserError(
        `outputs: the network has ${actual.length} outputs, "${teacher.graph.name}" ${expected.length}, expected as many`,
      );
    }
    const errors = actual.map((y, i) => meanSquaredError(tape, y, expected[i]));
    const total = errors.reduce((sum, error) => add(tape, sum, error));
    return errors.length === 1 ? total : scale(tape, total, 1 / errors.length);
  };
}
