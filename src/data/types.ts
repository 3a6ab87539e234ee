/** How raw pixels become network inputs: x = (pixel / scale - mean[c]) / std[c]. */
export interface Normalization {
  /** What a pixel is divided by first: 255 for bytes. */
  readonly scale: number;
  /** Of each channel, [C], after the division. */
  readonly mean: readonly number[];
  /** Of each channel, [C], above 0. */
  readonly std: readonly number[];
}

/** Labelled images. Pixels stay raw bytes until a batch is made. */
export interface Dataset {
  /** What messages call it. */
  readonly name: string;
  /** How many classes labels tell apart. */
  readonly classes: number;
  /** What each label stands for, where the data say so. */
  readonly classNames?: readonly string[];
  /** [C, H, W] of one image. */
  readonly shape: readonly [number, number, number];
  /** How many images there are. */
  readonly count: number;
  /** [count, C, H, W], row-major. */
  readonly images: Uint8Array<ArrayBuffer>;
  /** [count], each below `classes`. */
  readonly labels: Uint16Array<ArrayBuffer>;
  /** How its pixels become inputs. */
  readonly normalization: Normalization;
}

/** One part of a data set; `source[i]` is where sample i stands in the published data it was taken from. */
export interface Split extends Dataset {
  /** [count] */
  readonly source: Uint32Array<ArrayBuffer>;
}

/**
 * The three parts, stratified by class and the same in every run, whatever its seed. `validation` chooses, `test` only
 * reports; normalisation constants come from the training part or from publications.
 */
export interface Splits {
  /** What messages call the data. */
  readonly name: string;
  /** How many classes labels tell apart. */
  readonly classes: number;
  /** What each label stands for, where the data say so. */
  readonly classNames?: readonly string[];
  /** [C, H, W] of one image. */
  readonly shape: readonly [number, number, number];
  /** To learn from. */
  readonly train: Split;
  /** To choose by. */
  readonly validation: Split;
  /** To report of. */
  readonly test: Split;
  /**
   * "absent" where nobody says what the images show: the parts' labels are 0 and tell nothing, and validation and test are the same
   * images, which nothing is fitted to. Default: there are labels.
   */
  readonly labels?: "absent";
}

/** How published data are parted. */
export interface SplitOptions {
  /** Fraction of the published training data held out for validation, in (0, 1). */
  readonly validation?: number;
  /** At most so many training images, stratified; validation and test shrink in proportion. */
  readonly limit?: number;
}
