/** What every launch must hold, and a replay of which outputs the threads of a kernel store. */
import * as assert from "uvu/assert";
import type { Launch, Step } from "../../kernels/launch.ts";
import type { Plan } from "../../src/gpu/types.ts";

/** What every WebGPU device has. */
const MAX_GROUPS = 65_535, MAX_UNIFORM_WORDS = 64, MAX_STORAGE = 8, MAX_UNIFORM_BUFFERS = 12;

/** Grids, uniforms and bindings are within every device's limits, and every buffer that a step binds is known. */
export function checkLaunch(launch: Launch, operands: readonly string[], steps: readonly Step[] = launch.steps): void {
  for (const { plan, bindings } of steps) {
    const { program, uniforms, grid } = plan;
    const what = `${program.name} ${JSON.stringify(program.constants)} ${grid}`;
    assert.ok(grid.every((n) => Number.isInteger(n) && n >= 1 && n <= MAX_GROUPS), what);
    assert.ok(uniforms.length <= MAX_UNIFORM_WORDS, what);
    assert.is(uniforms.length, Object.keys(params(plan)).length, what);
    assert.ok(uniforms.every((u) => Number.isInteger(u) && u >= 0 && u < 2 ** 32), `${what}: ${uniforms}`);
    const arrays = program.access.filter((access) => access === "uniform").length;
    assert.ok(program.access.length - arrays <= MAX_STORAGE && arrays + 1 <= MAX_UNIFORM_BUFFERS, what);
    assert.is(bindings.length, program.access.length, what);
    const written = bindings.filter((_, i) => program.access[i] === "read_write");
    assert.ok(
      bindings.every((b, i) => program.access[i] === "read_write" || !written.includes(b)),
      `${what}: ${bindings}`,
    );
    for (const name of bindings) {
      assert.ok(operands.includes(name) || name in launch.scratch || name in launch.tables, `${what} binds ${name}`);
    }
  }
  for (const [name, bytes] of Object.entries(launch.scratch)) {
    assert.ok(bytes > 0 && bytes % 4 === 0, `${name}: ${bytes}`);
  }
}

/** A plan's uniforms by their names in the shader. */
export function params({ program, uniforms }: Plan): Record<string, number> {
  const fields = /struct Params \{([^}]*)\}/.exec(program.source)![1].matchAll(/(\w+): [uif]32/g);
  return Object.fromEntries([...fields].map(([, name], i) => [name, uniforms[i]]));
}

/** Threads of a plan's grid, as (x, y, z) of global_invocation_id; all our kernels have 64 × 1 × 1 threads to a group. */
export function* threads({ grid }: Plan): Generator<[number, number, number]> {
  for (let z = 0; z < grid[2]; z++) {
    for (let y = 0; y < grid[1]; y++) {
      for (let x = 0; x < grid[0] * 64; x++) yield [x, y, z];
    }
  }
}

/** Counts the stores to each element and tells whether every one of `size` was stored exactly once. */
export function coversOnce(size: number, stores: Iterable<number>): true | string {
  const counts = new Uint8Array(size);
  for (const i of stores) {
    if (!(i >= 0 && i < size)) return `stores to ${i}, beyond ${size}`;
    counts[i]++;
  }
  const bad = counts.findIndex((n) => n !== 1);
  return bad < 0 || `element ${bad} is stored ${counts[bad]} times`;
}
