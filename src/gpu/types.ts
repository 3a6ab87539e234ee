/** What a planner hands to the device: shader, constants, uniforms and grid. No WebGPU object, so planners need no GPU. */

/**
 * How a kernel sees a buffer: storage that it reads, or also writes, or a uniform array that it reads, of at most 64 KiB,
 * bound at a multiple of 256 bytes.
 */
export type Access = "read" | "read_write" | "uniform";

/** Optional parts of WGSL; a shader names them here, `gpu/` writes the `enable` lines that the implementation wants. */
export type Feature = "f16" | "subgroups";

/**
 * A shader variant. Binding 0 of group 0 is `var<uniform> p: Params` (≤ 256 bytes); the buffers follow as bindings
 * 1, 2, … in the order of `access`. `constants` rewrite the values of `const NAME: type = …;` lines.
 */
export interface Program {
  /** Messages name the kernel by this. */
  readonly name: string;
  /** WGSL with an entry point `main`. */
  readonly source: string;
  /** New values of `const` lines, by name. */
  readonly constants?: Readonly<Record<string, number>>;
  /** How each buffer is bound, from binding 1 on. */
  readonly access: readonly Access[];
  /** Default: none. */
  readonly features?: readonly Feature[];
}

/** One dispatch. `uniforms` are 32-bit words in the order of `Params` (floats through `f32bits`); `grid` counts workgroups. */
export interface Plan {
  /** What runs. */
  readonly program: Program;
  /** There are at most 64 words. */
  readonly uniforms: readonly number[];
  /** The grid has so many workgroups along x, y and z. */
  readonly grid: readonly [number, number, number];
}
