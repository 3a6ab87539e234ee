/** Weighs two values of one shape against each other. */
import { planMix } from "../../../kernels/pointwise/mix.ts";
import { UserError } from "../../errors.ts";
import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import { launchUnary } from "./pointwise.ts";

/**
 * Computes (1 − factor)·a + factor·b. At factor 0 it is a and at 1 it is b, bit for bit, and the other one then gets no
 * gradient.
 *
 * @param factor It is a uniform: nothing is compiled anew where it changes.
 * @throws UserError where the shapes differ, or the factor isn't in 0…1
 */
export function mix(tape: Tape, a: Tensor, b: Tensor, factor: number): Tensor {
  if (a.shape.join() !== b.shape.join()) throw new UserError(`mix: [${a.shape}] and [${b.shape}], expected one shape`);
  if (!(factor >= 0 && factor <= 1)) throw new UserError(`mix: the factor is ${factor}, expected a number in 0…1`);
  const y = tape.empty(a.shape);
  tape.gpu.run(planMix(a.size, factor), [a, b, y], `[${a.shape}]`);
  const weighed = [[a, 1 - factor], [b, factor]] as const;
  tape.record(weighed.filter(([, weight]) => weight > 0).map(([operand]) => operand), y, (dy) => {
    for (const [operand, weight] of weighed) {
      if (weight === 0 || !tape.needs(operand)) continue;
      const gradient = tape.target(operand);
      launchUnary(tape.gpu, "scale", dy, gradient, weight);
      tape.add(operand, gradient);
    }
  });
  return y;
}
