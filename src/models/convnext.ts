import { type Builder, builder } from "../graph/build.ts";
import type { Graph } from "../graph/types.ts";
import { type ImageOptions, scaled } from "./options.ts";

interface Form {
  readonly name: string;
  /** Channels and blocks of each stage. */
  readonly channels: readonly number[];
  readonly blocks: readonly number[];
  /** Side of the patches that the stem makes pixels of. */
  readonly patch: number;
  readonly classes: number;
  readonly size: number;
  /** What LayerScale begins with; default 1e-6. */
  readonly layerScale?: number;
}

/** ConvNeXt-T (Liu et al. 2022): 28,589,128 parameters. */
export function convnextT(options: ImageOptions = {}): Graph {
  const form = { channels: [96, 192, 384, 768], blocks: [3, 3, 9, 3], patch: 4, classes: 1000, size: 224 };
  return convnext({ name: "convnext-t", ...form }, options);
}

/** For 32×32 images: the stages of timm's ConvNeXt-Atto on patches of 2×2. */
export function cifarConvnext(options: ImageOptions = {}): Graph {
  const form = { channels: [40, 80, 160, 320], blocks: [2, 2, 6, 2], patch: 2, classes: 10, size: 32 };
  return convnext({ name: "convnext-cifar", ...form }, options);
}

/**
 * For images of 8×8 to 32×32, small enough to train in minutes: channels 16, 32 and 64 in 2, 2 and 4 blocks, on patches of 1×1
 * up to 16×16 and of 2×2 above. LayerScale begins at 1: it is there for depth that eight blocks don't have.
 */
export function microConvnext(options: ImageOptions = {}): Graph {
  const { size = 28 } = options;
  const form = {
    channels: [16, 32, 64],
    blocks: [2, 2, 4],
    patch: size > 16 ? 2 : 1,
    classes: 10,
    size,
    layerScale: 1,
  };
  return convnext({ name: "convnext-micro", ...form }, { inChannels: 1, ...options });
}

/** Torchvision's truncated normal ends at ±2, a hundred σ away: it is the normal. */
const INIT = { normal: 0.02 };

/**
 * Parameter names and initialisation are torchvision's. Its linear layers stand as 1×1 convolutions, as in the paper, so
 * that their weights are [F,C,1,1]. Stochastic depth is left out.
 */
function convnext(form: Form, options: ImageOptions): Graph {
  const { classes = form.classes, inChannels = 3, width = 1, size = form.size } = options;
  const b = builder(form.name, ["N", inChannels, size, size]);
  const channels = form.channels.map((c) => scaled(c, width));
  let x = patches(b, b.input, "features.0.0", channels[0], form.patch);
  x = channelNorm(b, x, "features.0.1");
  form.blocks.forEach((blocks, stage) => {
    if (stage > 0) {
      x = channelNorm(b, x, `features.${2 * stage}.0`);
      x = patches(b, x, `features.${2 * stage}.1`, channels[stage], 2);
    }
    for (let i = 0; i < blocks; i++) x = block(b, x, `features.${2 * stage + 1}.${i}`, form.layerScale);
  });
  x = b.layerNorm(b.flatten(b.globalAveragePool(x)), { name: "classifier.0", epsilon: 1e-6 });
  b.gemm(x, { name: "classifier.2", out: classes, init: INIT });
  return b.graph();
}

/** Depthwise 7×7, layer norm, an inverted bottleneck of factor 4 with GELU, LayerScale. */
function block(b: Builder, x: string, name: string, layerScale = 1e-6): string {
  const channels = b.channels(x);
  const pointwise = (y: string, layer: string, out: number) =>
    b.conv(y, { name: `${name}.block.${layer}`, out, kernel: 1, init: INIT });
  let y = b.conv(x, { name: `${name}.block.0`, out: channels, kernel: 7, pad: 3, group: channels, init: INIT });
  y = channelNorm(b, y, `${name}.block.2`);
  y = b.gelu(pointwise(y, "3", 4 * channels), "none", `${name}.block.4`);
  y = pointwise(y, "5", channels);
  y = b.mul(y, b.param(`${name}.layer_scale`, [channels, 1, 1], "gamma", { constant: layerScale }), `${name}.scale`);
  return b.add(x, y, `${name}.add`);
}

function patches(b: Builder, x: string, name: string, out: number, side: number): string {
  return b.conv(x, { name, out, kernel: side, stride: side, init: INIT });
}

/** Layer norm over the channels of each pixel. */
function channelNorm(b: Builder, x: string, name: string): string {
  const y = b.layerNorm(b.transpose(x, [0, 2, 3, 1]), { name, epsilon: 1e-6 });
  return b.transpose(y, [0, 3, 1, 2]);
}
