/**
 * Says what a format of sparse weights is. Each format has a file beside this one, with the packing and the kernels'
 * planners.
 */
import type { ConvShape } from "../conv/shape.ts";
import type { Epilogue } from "../launch.ts";
import type { Candidate, Tuning } from "../tuning.ts";
import { blockPunched } from "./block_punched.ts";
import { bsr } from "./bsr.ts";
import { columns } from "./columns.ts";
import { csr } from "./csr.ts";
import { kernelList } from "./kernel_list.ts";
import { nm } from "./nm.ts";
import { pattern } from "./pattern.ts";
import { vector } from "./vector.ts";

/** These are a weight's numbers in the order in which a format's kernels read them, and where they belong. */
export interface PackedWeight {
  /** This is the name of the format that packed it. */
  readonly format: string;
  /** It says what the format chose: block sizes, N and M, … */
  readonly parameters: Readonly<Record<string, number>>;
  /** This is F, or N of a linear layer. */
  readonly rows: number;
  /** This is C·KH·KW, or K of a linear layer. */
  readonly columns: number;
  /** So many numbers are kept, including the zeros that fill up blocks. */
  readonly stored: number;
  /** Every launch binds this as its operand "values". It is never empty. */
  readonly values: Float32Array<ArrayBuffer>;
  readonly index: Readonly<Record<string, Uint32Array<ArrayBuffer>>>;
  /** The values and the index take so many bytes together. */
  readonly bytes: number;
}

/** It computes y[m,n] = act(x[m,k]·w[n,k]ᵀ + bias[n] + residual[m,n]). */
export interface LinearShape extends Epilogue {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/**
 * This is one sparse format. The operands of every launch are "x", "values", "y" and, as the epilogue says, "bias" and
 * "residual" (shape of y). Index arrays are the launch's tables.
 */
export interface SparseFormat {
  readonly name: string;
  /**
   * Gives undefined where the zeros don't have this structure, or leaving them out saves nothing.
   *
   * @param shape [F,C,KH,KW] or [N,K]
   */
  pack(weight: Float32Array, shape: readonly number[]): PackedWeight | undefined;
  /** Gives the ways to run a convolution with the packed weight; there are none where the format can't. */
  conv(shape: ConvShape, packed: PackedWeight, epilogue: Epilogue, tuning: Tuning): Candidate[];
  /** Gives the ways to run a linear layer with the packed weight; there are none where the format can't. */
  gemm(shape: LinearShape, packed: PackedWeight, tuning: Tuning): Candidate[];
}

/** The formats are ordered from the most regular structure to none. */
export const FORMATS: readonly SparseFormat[] = [
  ...[columns, bsr, blockPunched, kernelList, vector, pattern, nm, csr],
];
