import { planDropout } from "../../../kernels/random/dropout.ts";
import { streamKey } from "../../../kernels/random/philox.ts";
import { UserError } from "../../errors.ts";
import type { Tape } from "../tape.ts";
import type { Tensor } from "../tensor.ts";

/**
 * The mask is drawn from these: the same three draw the same mask, on the host (kernels/random/philox.ts) as on the
 * GPU.
 */
export interface DropoutKey {
  readonly seed: number;
  /** Each layer has one of its own. */
  readonly stream: string;
  readonly step: number;
}

/**
 * In training each element is 0 with probability `rate`, else divided by 1 − rate (Srivastava et al., JMLR 2014). In
 * evaluation, or at rate 0, returns x itself. Throws UserError for a rate outside [0, 1).
 */
export function dropout(tape: Tape, x: Tensor, rate: number, { seed, stream, step }: DropoutKey): Tensor {
  if (!(rate >= 0 && rate < 1)) throw new UserError(`Dropout "${stream}": rate ${rate}, expected one in [0, 1)`);
  if (tape.mode === "eval" || rate === 0) return x;
  const plan = planDropout(x.size, rate, streamKey(seed, stream), step);
  const y = tape.empty(x.shape);
  tape.gpu.run(plan, [x, y], `[${x.shape}]`);
  tape.record([x], y, (dy) => {
    const dx = tape.target(x);
    tape.gpu.run(plan, [dy, dx], `[${x.shape}]`);
    tape.add(x, dx);
  });
  return y;
}
