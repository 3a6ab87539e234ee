/** A replay of what the tiles of implicit_gemm.wgsl and implicit_wgrad.wgsl store. */
import type { Launch } from "../../kernels/launch.ts";
import type { Plan } from "../../src/gpu/types.ts";
import { params } from "./launches.ts";

/** Which elements the threads of such a plan store, in y or among the parts of it. */
export function* implicitStores(plan: Plan, { tables }: Launch): Generator<number> {
  const p = params(plan), { TY, MB, NB } = plan.program.constants!, [gridX, gridY, gridZ] = plan.grid;
  const columns = 64 / TY;
  for (let z = 0; z < gridZ; z++) {
    const g = z % p.groups, phase = phaseOf(tables.phases, Math.floor(z / p.groups) % p.phases);
    const start = Math.floor(z / p.groups / p.phases) * p.y_split + g * p.y_group;
    for (let tile = 0; tile < gridX * gridY; tile++) {
      const at = tile % gridX + Math.floor(tile / gridX) * p.row;
      for (let i = 0; i < 4 * TY * MB; i++) {
        const f = at % p.tiles_a * 4 * TY * MB + i;
        if (f >= p.rows) continue;
        for (let j = 0; j < columns * NB; j++) {
          const four = Math.floor(at / p.tiles_a) * columns * NB + j, n = Math.floor(four / phase.fours);
          if (n >= p.images) continue;
          for (let pixel = four % phase.fours * 4; pixel < four % phase.fours * 4 + 4; pixel++) {
            if (pixel >= phase.rows * phase.cols) continue;
            const row = Math.floor(pixel / phase.cols), col = pixel % phase.cols;
            yield start + n * p.y_image + f * p.y_plane + phase.start + row * p.y_row + col * p.y_col;
          }
        }
      }
    }
  }
}

function phaseOf(table: Uint32Array, phase: number) {
  const [rows, cols, fours] = table.subarray(16 * phase);
  return { rows, cols, fours, start: table[16 * phase + 12] };
}

/** Which weights' gradients the threads of a plan of implicit_wgrad.wgsl store, in dw or among the parts of it. */
export function* wgradStores(plan: Plan): Generator<number> {
  const p = params(plan), { TY, MB, NB } = plan.program.constants!, [gridX, gridY, gridZ] = plan.grid;
  const down = 4 * TY * MB, along = 64 / TY * NB;
  for (let z = 0; z < gridZ; z++) {
    const g = z % p.groups, start = Math.floor(z / p.groups) * p.dw_split;
    for (let tile = 0; tile < gridX * gridY; tile++) {
      const at = tile % gridX + Math.floor(tile / gridX) * p.row;
      for (let f = at % p.tiles_a * down; f < Math.min(p.rows, (at % p.tiles_a + 1) * down); f++) {
        const first = Math.floor(at / p.tiles_a) * along;
        for (let four = first; four < Math.min(p.columns, first + along); four++) {
          for (let c = four % p.fours * 4; c < Math.min(p.channels, four % p.fours * 4 + 4); c++) {
            yield start + ((g * p.rows + f) * p.channels + c) * p.taps + Math.floor(four / p.fours);
          }
        }
      }
    }
  }
}
