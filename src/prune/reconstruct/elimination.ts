/**
 * What it costs a layer to do without a group of its inputs, once those that stay are fitted anew (docs/pipeline.md): the
 * optimal brain surgeon's ½ tr(W_g ([H⁻¹]_gg)⁻¹ W_gᵀ), H⁻¹ following as groups go and come back.
 *
 * All of it is the sweep operator on the joint moments of x and y = W x: of columns that are in the fit the matrix holds −H⁻¹
 * and the fitted weights, of those that are out what they hold beyond the fit (Schur complements). One pass over the matrix takes
 * a group out or puts it back.
 */
import { factored, inverseOf } from "./cholesky.ts";
import { onGroupColumns } from "./group_columns.ts";
import type { Reader } from "./reader.ts";

/** Groups of inputs that go out of the fit of one or several layers, and back into it. All are in it at first. */
export interface Elimination {
  /** How many groups there are. */
  readonly groups: number;
  /** 1 where a group is in the fit. */
  readonly kept: Uint8Array;
  /**
   * Of a group in the fit: by how much the error ½ E‖y − ŷ‖² rises without it. Of one that is out: by how much it falls with it.
   * Summed over the layers.
   */
  cost(group: number): number;
  /** Takes a group out of the fit, or puts it back. */
  toggle(group: number): void;
}

/** @param readers layers that read the groups' channels, one at least, all with the same groups */
export function createElimination(readers: readonly Reader[]): Elimination {
  const { length } = readers[0].groups;
  const kept = new Uint8Array(length).fill(1);
  const sweeps = readers.map((reader) => createSweep(onGroupColumns(reader)));
  return {
    groups: length,
    kept,
    cost: (group) => sweeps.reduce((sum, sweep) => sum + sweep.cost(group), 0),
    toggle(group) {
      for (const sweep of sweeps) sweep.toggle(group, kept[group] ? "out" : "in");
      kept[group] = 1 - kept[group];
    },
  };
}

function createSweep({ inputs: n, outputs, weight, moments: { covariance }, groups }: Reader) {
  const matrix = inverseOf(factored(covariance, n, 0), n).map((value) => -value);
  const rows = weight.slice();
  /** The inverse of the group's own part, whichever sign that has. */
  const inverse = (columns: readonly number[]) => {
    const k = columns.length;
    const part = new Float64Array(k * k);
    const sign = Math.sign(matrix[columns[0] * n + columns[0]]);
    columns.forEach((i, a) => columns.forEach((j, b) => part[a * k + b] = sign * matrix[i * n + j]));
    return inverseOf(factored(part, k, 0), k).map((value) => sign * value);
  };
  return {
    cost(group: number): number {
      const columns = groups[group], k = columns.length;
      if (k === 0) return 0;
      const inner = inverse(columns);
      let sum = 0;
      for (let o = 0; o < outputs; o++) {
        for (let a = 0; a < k; a++) {
          const w = rows[o * n + columns[a]];
          if (w === 0) continue;
          for (let b = 0; b < k; b++) sum += w * inner[a * k + b] * rows[o * n + columns[b]];
        }
      }
      return Math.abs(sum) / 2;
    },
    toggle(group: number, where: "in" | "out"): void {
      const columns = groups[group], k = columns.length;
      if (k === 0) return;
      const inner = inverse(columns);
      const sign = where === "in" ? 1 : -1;
      /** inner · the group's rows of the matrix, [k, n]. */
      const product = new Float64Array(k * n);
      for (let a = 0; a < k; a++) {
        for (let b = 0; b < k; b++) {
          const factor = inner[a * k + b], from = columns[b] * n;
          for (let j = 0; j < n; j++) product[a * n + j] += factor * matrix[from + j];
        }
      }
      const own = new Set(columns);
      const subtract = (target: Float64Array, row: number) => {
        const factors = columns.map((column) => target[row * n + column]);
        for (let a = 0; a < k; a++) {
          const factor = factors[a], from = a * n;
          if (factor === 0) continue;
          for (let j = 0; j < n; j++) target[row * n + j] -= factor * product[from + j];
        }
        return factors;
      };
      for (let i = 0; i < n; i++) {
        if (own.has(i)) continue;
        subtract(matrix, i);
        columns.forEach((column, a) => matrix[i * n + column] = sign * product[a * n + i]);
      }
      for (let o = 0; o < outputs; o++) {
        const factors = subtract(rows, o);
        columns.forEach((column, a) => {
          let sum = 0;
          for (let b = 0; b < k; b++) sum += factors[b] * inner[b * k + a];
          rows[o * n + column] = sign * sum;
        });
      }
      columns.forEach((column, a) => {
        for (let j = 0; j < n; j++) if (!own.has(j)) matrix[column * n + j] = sign * product[a * n + j];
        columns.forEach((other, b) => matrix[column * n + other] = -inner[a * k + b]);
      });
    },
  };
}
