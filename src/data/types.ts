/** How raw pixels become network inputs: x = (pixel / scale - mean[c]) / std[c]. */
export interface Normalization {
  readonly scale: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Labelled images. Pixels stay raw bytes until a batch is made. */
export interface Dataset {
  readonly name: string;
  readonly classes: number;
  /** What each label stands for, where the data say so. */
  readonly classNames?: readonly string[];
  /** [C, H, W] of one image. */
  readonly shape: readonly [number, number, number];
  readonly count: number;
  /** [count, C, H, W], row-major. */
  readonly images: Uint8Array<ArrayBuffer>;
  /** [count], each below `classes`. */
  readonly labels: Uint16Array<ArrayBuffer>;
  readonly normalization: Normalization;
}

/** One part of a data set; `source[i]` is where sample i stands in the published data it was taken from. */
export interface Split extends Dataset {
  readonly source: Uint32Array<ArrayBuffer>;
}

/**
 * The three parts, stratified by class and the same in every run, whatever its seed. `validation` chooses, `test` only
 * reports; normalisation constants come from the training part or from publications.
 */
export interface Splits {
  readonly name: string;
  readonly classes: number;
  readonly classNames?: readonly string[];
  readonly shape: readonly [number, number, number];
  readonly train: Split;
  readonly validation: Split;
  readonly test: Split;
}

export interface SplitOptions {
  /** Fraction of the published training data held out for validation, in (0, 1). */
  readonly validation?: number;
  /** At most so many training images, stratified; validation and test shrink in proportion. */
  readonly limit?: number;
}
