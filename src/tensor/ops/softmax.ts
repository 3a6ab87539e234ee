import { planSoftmax } from "../../../kernels/softmax/softmax.ts";
import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { cached, launch, tuningFor } from "./launch.ts";

const softmaxPlan = cached(planSoftmax);

/** Computes the softmax along the last axis. */
export function softmax(tape: Tape, x: Tensor): Tensor {
  const { gpu } = tape;
  const length = x.shape[x.shape.length - 1];
  const rows = x.size / length;
  const y = tape.empty(x.shape);
  launch(gpu, softmaxPlan(rows, length, "forward", tuningFor(gpu)), { x, y }, `softmax [${x.shape}]`);
  tape.record([x], y, (dy) => {
    const dx = tape.target(x);
    launch(gpu, softmaxPlan(rows, length, "gradient", tuningFor(gpu)), { y, dy, dx }, `softmax [${x.shape}]`);
    tape.add(x, dx);
  });
  return y;
}
