/** The LASSO's choice of channels (He, Zhang and Sun 2017, "Channel Pruning for Accelerating Very Deep Neural Networks"). */

/** Passes over all coefficients at most, and the change of one, relative to the largest, that ends them. */
const PASSES = 1000, ENOUGH = 1e-9;
/** Times that λ's bracket is halved. */
const BISECTIONS = 60;

/**
 * The β that minimise ½ E‖Σ_g a_g − Σ_g β_g a_g‖² + λ‖β‖₁ by coordinate descent on the Gram matrix of the a_g alone:
 * β_g ← soft(q_g − Σ_{h≠g} G_gh β_h, λ) / G_gg with q = G·1.
 *
 * @param gram G, [groups, groups] (contributions)
 * @param start where the descent begins; default: 0
 */
export function lassoCoefficients(gram: Float64Array, lambda: number, start?: Float64Array): Float64Array {
  const n = Math.sqrt(gram.length);
  const beta = start?.slice() ?? new Float64Array(n);
  for (let pass = 0; pass < PASSES; pass++) {
    let [moved, largest] = [0, 0];
    for (let g = 0; g < n; g++) {
      const own = gram[g * n + g];
      if (own <= 0) continue;
      // q_g − Σ_{h≠g} G_gh β_h, with q_g = Σ_h G_gh.
      let pull = own * beta[g];
      for (let h = 0; h < n; h++) pull += gram[g * n + h] * (1 - beta[h]);
      const next = Math.sign(pull) * Math.max(0, Math.abs(pull) - lambda) / own;
      moved = Math.max(moved, Math.abs(next - beta[g]));
      largest = Math.max(largest, Math.abs(next));
      beta[g] = next;
    }
    if (moved <= ENOUGH * largest) break;
  }
  return beta;
}

/**
 * The `keep` groups that have a coefficient at the largest λ at which so many have one, found by bisection; where several come in
 * at once, those of the largest share |β_g|·√G_gg. Ascending.
 */
export function lassoKept(gram: Float64Array, keep: number): number[] {
  const n = Math.sqrt(gram.length);
  const share = (beta: Float64Array) => beta.map((b, g) => Math.abs(b) * Math.sqrt(Math.max(0, gram[g * n + g])));
  let low = 0, high = 0;
  for (let g = 0; g < n; g++) {
    let q = 0;
    for (let h = 0; h < n; h++) q += gram[g * n + h];
    high = Math.max(high, Math.abs(q));
  }
  let found = lassoCoefficients(gram, 0);
  for (let i = 0; i < BISECTIONS && low < high; i++) {
    const lambda = (low + high) / 2;
    const beta = lassoCoefficients(gram, lambda, found);
    const nonzero = beta.reduce((sum, b) => sum + (b !== 0 ? 1 : 0), 0);
    if (nonzero >= keep) [low, found] = [lambda, beta];
    else high = lambda;
    if (nonzero === keep) break;
  }
  const shares = share(found);
  return Array.from(shares.keys()).sort((a, b) => shares[b] - shares[a] || a - b).slice(0, keep).sort((a, b) => a - b);
}
