/** What the nets of the zoo can be told; every option has a default. */

/** What every network of the zoo can be told. */
export interface SmallOptions {
  /** Width of the last layer; default 10, of networks for ImageNet 1000. */
  readonly classes?: number;
  /** Channels of the input image. */
  readonly inChannels?: number;
  /** Factor on the width of every hidden layer; default 1. */
  readonly width?: number;
}

/** What networks for images of any size can be told. */
export interface ImageOptions extends SmallOptions {
  /** Height and width of the input image; default 32, of networks for ImageNet 224. */
  readonly size?: number;
}

/** What residual networks can be told. */
export interface ResNetOptions extends ImageOptions {
  /**
   * Where a stage halves the map and doubles the channels: "A" subsamples and pads with zero channels, "projection" is
   * a strided 1×1 convolution with batch norm. Default "A".
   */
  readonly shortcut?: "A" | "projection";
}

/** A layer's width under the factor `width`: rounded, at least 1. */
export function scaled(channels: number, width: number): number {
  return Math.max(1, Math.round(channels * width));
}
