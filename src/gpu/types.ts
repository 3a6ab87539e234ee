/**
 * This is what a planner hands to the device: shader, constants, uniforms and grid. It has no WebGPU object, so
 * planners need no GPU.
 */

/**
 * A kernel sees a buffer as one of these: storage that it reads, or also writes, or a uniform array that it reads, of
 * at most 64 KiB, bound at a multiple of 256 bytes.
 */
export type Access = "read" | "read_write" | "uniform";

/**
 * These are optional parts of WGSL; a shader names them here, `gpu/` writes the `enable` lines that the implementation
 * wants.
 */
export type Feature = "f16" | "subgroups";

/**
 * This is a shader variant. Binding 0 of group 0 is `var<uniform> p: Params` (≤ 256 bytes); the buffers follow as
 * bindings 1, 2, … in the order of `access`. `constants` rewrite the values of `const NAME: type = …;` lines.
 */
export interface Program {
  /** Messages name the kernel by this. */
  readonly name: string;
  /** It is WGSL with an entry point `main`. */
  readonly source: string;
  /** It holds new values of `const` lines, by name. */
  readonly constants?: Readonly<Record<string, number>>;
  /** This says how each buffer is bound, from binding 1 on. */
  readonly access: readonly Access[];
  /** By default there are none. */
  readonly features?: readonly Feature[];
}

/**
 * This is one dispatch. `uniforms` are 32-bit words in the order of `Params` (floats through `f32bits`); `grid` counts
 * workgroups.
 */
export interface Plan {
  /** This program runs. */
  readonly program: Program;
  /** There are at most 64 words. */
  readonly uniforms: readonly number[];
  /** The grid has so many workgroups along x, y and z. */
  readonly grid: readonly [number, number, number];
}
