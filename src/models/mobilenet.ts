import { type Builder, builder } from "../graph/build.ts";
import type { Graph } from "../graph/types.ts";
import { convBn } from "./blocks.ts";
import type { ImageOptions } from "./options.ts";

/** Table 2 of the paper: expansion, output channels, repeats, stride of the first. */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** The same of a network for small images: six of its blocks have a shortcut. */
const MICRO_STAGES = [
  [6, 16, 2, 1],
  [6, 24, 3, 2],
  [6, 32, 3, 2],
] as const;

/** For images of 8×8 to 32×32, small enough to train in minutes. */
export function microMobilenetV2(options: ImageOptions = {}): Graph {
  const { classes = 10, inChannels = 1, width = 1, size = 28 } = options;
  const b = builder("mobilenetv2-micro", ["N", inChannels, size, size]);
  const ends = { stem: 16, stride: size > 16 ? 2 : 1, last: 64 };
  return inverted(b, MICRO_STAGES, { ...ends, classes, width });
}

/**
 * MobileNetV2 (Sandler et al. 2018) with torchvision's parameter names and count, 3,504,872. `width` is the paper's
 * multiplier: channels become multiples of 8, and the last convolution doesn't shrink. For CIFAR the stem and the first
 * stage that halves the map don't: 32×32 images end in 4×4 maps.
 */
export function mobilenetV2(form: "imagenet" | "cifar", options: ImageOptions = {}): Graph {
  const cifar = form === "cifar";
  const { classes = cifar ? 10 : 1000, inChannels = 3, width = 1, size = cifar ? 32 : 224 } = options;
  const b = builder(cifar ? "mobilenetv2-cifar" : "mobilenetv2", ["N", inChannels, size, size]);
  const stages = STAGES.map(([expansion, channels, repeats, stride], stage) =>
    [expansion, channels, repeats, cifar && stage === 1 ? 1 : stride] as const
  );
  return inverted(b, stages, { stem: 32, stride: cifar ? 1 : 2, last: 1280, classes, width });
}

interface Ends {
  /** Channels of the first convolution, and its stride. */
  readonly stem: number;
  readonly stride: number;
  /** Channels of the last convolution. */
  readonly last: number;
  readonly classes: number;
  readonly width: number;
}

function inverted(b: Builder, stages: readonly (readonly [number, number, number, number])[], ends: Ends): Graph {
  const { width } = ends;
  const stem = { ...names("features.0"), out: multipleOf8(ends.stem * width), kernel: 3, stride: ends.stride };
  let x = b.relu6(convBn(b, b.input, stem), "features.0.2");
  let index = 1;
  for (const [expansion, channels, repeats, first] of stages) {
    for (let i = 0; i < repeats; i++) {
      const stride = i > 0 ? 1 : first;
      x = invertedResidual(b, x, `features.${index++}`, { expansion, out: multipleOf8(channels * width), stride });
    }
  }
  const last = multipleOf8(ends.last * Math.max(1, width));
  x = b.relu6(convBn(b, x, { ...names(`features.${index}`), out: last, kernel: 1 }), `features.${index}.2`);
  x = b.dropout(b.flatten(b.globalAveragePool(x)), 0.2, "classifier.0");
  b.gemm(x, { name: "classifier.1", out: ends.classes, init: { normal: 0.01 } });
  return b.graph();
}

/** Expand by 1×1, filter each channel by 3×3, project by 1×1 without an activation; add where the shape stays. */
function invertedResidual(
  b: Builder,
  x: string,
  name: string,
  { expansion, out, stride }: { expansion: number; out: number; stride: number },
): string {
  const inner = b.channels(x) * expansion;
  let y = x;
  let step = 0;
  const next = () => `${name}.conv.${step++}`;
  if (expansion > 1) {
    const expand = next();
    y = b.relu6(convBn(b, y, { ...names(expand), out: inner, kernel: 1 }), `${expand}.2`);
  }
  const depthwise = next();
  y = convBn(b, y, { ...names(depthwise), out: inner, kernel: 3, stride, group: inner });
  y = b.relu6(y, `${depthwise}.2`);
  y = convBn(b, y, { conv: next(), bn: next(), out, kernel: 1 });
  return stride === 1 && b.channels(x) === out ? b.add(x, y, `${name}.add`) : y;
}

/** Of the members of one of torchvision's sequences of convolution, norm and activation. */
function names(sequence: string): { conv: string; bn: string } {
  return { conv: `${sequence}.0`, bn: `${sequence}.1` };
}

/** The nearest multiple of 8, at least 8, and never more than 10 % below what was asked. */
function multipleOf8(channels: number): number {
  const rounded = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return rounded < 0.9 * channels ? rounded + 8 : rounded;
}
