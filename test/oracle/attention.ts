/** Softmax of each row of x [rows, length]. */
export function softmaxRows(x: Float64Array, length: number): Float64Array {
  const y = new Float64Array(x.length);
  for (let first = 0; first < x.length; first += length) {
    const row = x.subarray(first, first + length);
    const top = row.reduce((a, b) => Math.max(a, b));
    const powers = row.map((v) => Math.exp(v - top));
    const sum = powers.reduce((a, b) => a + b, 0);
    y.set(powers.map((v) => v / sum), first);
  }
  return y;
}

export interface AttentionSizes {
  readonly heads: number;
  readonly queries: number;
  readonly keys: number;
  readonly depth: number;
}

/** softmax(scale · Q·Kᵀ)·V of each head: Q [heads, queries, depth], K and V [heads, keys, depth]. */
export function attentionOf(
  [q, k, v]: readonly Float64Array[],
  { heads, queries, keys, depth }: AttentionSizes,
  scale: number,
): Float64Array {
  const scores = new Float64Array(heads * queries * keys);
  const each = (visit: (row: number, key: number, score: number) => void) => {
    for (let row = 0; row < heads * queries; row++) {
      const head = Math.floor(row / queries);
      for (let j = 0; j < keys; j++) visit(row, head * keys + j, row * keys + j);
    }
  };
  each((row, key, at) => {
    for (let d = 0; d < depth; d++) scores[at] += scale * q[row * depth + d] * k[key * depth + d];
  });
  const shares = softmaxRows(scores, keys);
  const y = new Float64Array(q.length);
  each((row, key, at) => {
    for (let d = 0; d < depth; d++) y[row * depth + d] += shares[at] * v[key * depth + d];
  });
  return y;
}
