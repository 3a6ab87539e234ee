import {
  type AttentionShape,
  MAX_DEPTH,
  planAttention,
  planAttentionGrad,
} from "../../../kernels/attention/attention.ts";
import { UserError } from "../../errors.ts";
import type { Tape } from "../tape.ts";
import { elements, type Tensor } from "../tensor.ts";
import { cached, launch, tuningFor } from "./launch.ts";

const attentionPlan = cached(planAttention);
const attentionGradPlan = cached(planAttentionGrad);

/**
 * Computes y[…,T,D] = softmax(scale · q·kᵀ)·v over the last two axes (Vaswani et al., arXiv 1706.03762), for q […,T,D]
 * and k, v […,S,D] of the same leading dimensions (samples, heads); differentiable in all three. The T × S weights are
 * never stored.
 *
 * @param scale It is 1/√D by default.
 * @throws UserError when the shapes don't fit or D is above 128
 */
export function attention(tape: Tape, q: Tensor, k: Tensor, v: Tensor, scale?: number): Tensor {
  const { gpu } = tape;
  const shape = attentionShape(q.shape, k.shape, v.shape, scale);
  const label = `attention [${q.shape}] over [${k.shape}]`;
  const y = tape.empty(q.shape);
  const lse = tape.empty([shape.heads, shape.queries]);
  launch(gpu, attentionPlan(shape, tuningFor(gpu)), { q, k, v, lse, y }, label);
  tape.record([q, k, v], y, (dy) => {
    const inputs = { q, k, v };
    const wanted = (["q", "k", "v"] as const).filter((name) => tape.needs(inputs[name]));
    const targets = wanted.map((name) => [name, tape.target(inputs[name])] as const);
    const gradients = Object.fromEntries(targets.map(([name, gradient]) => [`d${name}`, gradient]));
    const plan = attentionGradPlan(shape, wanted, tuningFor(gpu));
    launch(gpu, plan, { q, k, v, y, dy, lse, ...gradients }, label);
    for (const [name, gradient] of targets) tape.add(inputs[name], gradient);
  });
  return y;
}

/** @throws UserError when the shapes don't fit or D is above 128 */
export function attentionShape(
  q: readonly number[],
  k: readonly number[],
  v: readonly number[],
  scale?: number,
): AttentionShape {
  const leading = q.slice(0, -2), [queries, depth] = q.slice(-2);
  const [keys, columns] = k.slice(-2);
  const fits = q.length >= 2 && columns === depth && `${k.slice(0, -2)}` === `${leading}` && `${k}` === `${v}`;
  if (!fits) throw new UserError(`attention: q [${q}], k [${k}] and v [${v}] don't fit together`);
  if (depth > MAX_DEPTH) {
    throw new UserError(`attention: heads of ${depth} numbers, at most ${MAX_DEPTH} are supported`);
  }
  return { heads: elements(leading), queries, keys, depth, scale: scale ?? 1 / Math.sqrt(depth) };
}
