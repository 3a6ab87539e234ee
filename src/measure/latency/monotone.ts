/**
 * Gives the nearest grid that never falls along a row or a column, nearest by the largest change (isotonic regression
 * in L∞): halfway between the least such grid above all times, m⁺[i][j] = max over a ≤ i, b ≤ j, and the greatest below
 * them, m⁻[i][j] = min over a ≥ i, b ≥ j. A grid that is monotone already stays as it is.
 */
export function monotone(grid: readonly (readonly number[])[]): number[][] {
  const above = grid.map((row) => [...row]);
  const below = grid.map((row) => [...row]);
  const rows = grid.length, columns = grid[0].length;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      above[i][j] = Math.max(above[i][j], above[i - 1]?.[j] ?? 0, above[i][j - 1] ?? 0);
      const [u, w] = [rows - 1 - i, columns - 1 - j];
      below[u][w] = Math.min(below[u][w], below[u + 1]?.[w] ?? Infinity, below[u][w + 1] ?? Infinity);
    }
  }
  return above.map((row, i) => row.map((high, j) => (high + below[i][j]) / 2));
}

/**
 * Lists places [i, j] of times that are more than `times` as long as the time of one at least as wide in both
 * directions.
 */
export function outliers(grid: readonly (readonly number[])[], times: number): [number, number][] {
  return grid.flatMap((row, i) =>
    row.flatMap((ms, j): [number, number][] => {
      const least = Math.min(...grid.slice(i).flatMap((wider) => wider.slice(j)));
      return ms > times * least ? [[i, j]] : [];
    })
  );
}
