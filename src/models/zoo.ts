/** The models by name. */

import { UserError } from "../errors.ts";
import { listed } from "../validation/names.ts";
import type { Graph } from "../graph/types.ts";
import { alexnet, caffeAlexnet } from "./alexnet.ts";
import { cifarConvnext, convnextT, microConvnext } from "./convnext.ts";
import { cifarDeit, deitT, microDeit } from "./deit.ts";
import { densenet40 } from "./densenet.ts";
import { digits } from "./digits.ts";
import { imagenetResNet } from "./imagenet_resnet.ts";
import { lenet5 } from "./lenet5.ts";
import { microMobilenetV2, mobilenetV2 } from "./mobilenet.ts";
import type { ResNetOptions } from "./options.ts";
import { resnet } from "./resnet.ts";
import { cifarVgg, vgg } from "./vgg.ts";

/** What can be said of a network of the zoo; `modelOptions` tells which it takes. */
export type ModelOptions = ResNetOptions;

interface Entry {
  readonly make: (options: ModelOptions) => Graph;
  readonly options: readonly (keyof ModelOptions)[];
}

const SMALL = ["classes", "inChannels", "width"] as const;
const IMAGE = [...SMALL, "size"] as const;
const RESNET = [...IMAGE, "shortcut"] as const;

/** By the images that they are for, smallest first. */
const ZOO: Readonly<Record<string, Entry>> = {
  "digits": { make: digits, options: SMALL },
  "lenet5": { make: lenet5, options: SMALL },
  "resnet8": { make: (options) => resnet(8, options), options: RESNET },
  "resnet14": { make: (options) => resnet(14, options), options: RESNET },
  "mobilenetv2-micro": { make: microMobilenetV2, options: IMAGE },
  "convnext-micro": { make: microConvnext, options: IMAGE },
  "deit-micro": { make: microDeit, options: IMAGE },
  "resnet20": { make: (options) => resnet(20, options), options: RESNET },
  "resnet32": { make: (options) => resnet(32, options), options: RESNET },
  "resnet44": { make: (options) => resnet(44, options), options: RESNET },
  "resnet56": { make: (options) => resnet(56, options), options: RESNET },
  "resnet110": { make: (options) => resnet(110, options), options: RESNET },
  "resnet18-cifar": { make: (options) => imagenetResNet(18, "cifar", options), options: IMAGE },
  "resnet34-cifar": { make: (options) => imagenetResNet(34, "cifar", options), options: IMAGE },
  "vgg11-bn-cifar": { make: (options) => cifarVgg(11, options), options: IMAGE },
  "vgg16-bn-cifar": { make: (options) => cifarVgg(16, options), options: IMAGE },
  "vgg19-bn-cifar": { make: (options) => cifarVgg(19, options), options: IMAGE },
  "densenet40": { make: densenet40, options: IMAGE },
  "mobilenetv2-cifar": { make: (options) => mobilenetV2("cifar", options), options: IMAGE },
  "convnext-cifar": { make: cifarConvnext, options: IMAGE },
  "deit-cifar": { make: cifarDeit, options: IMAGE },
  "resnet18": { make: (options) => imagenetResNet(18, "imagenet", options), options: IMAGE },
  "resnet34": { make: (options) => imagenetResNet(34, "imagenet", options), options: IMAGE },
  "vgg11-bn": { make: (options) => vgg(11, options), options: IMAGE },
  "vgg16-bn": { make: (options) => vgg(16, options), options: IMAGE },
  "vgg19-bn": { make: (options) => vgg(19, options), options: IMAGE },
  "alexnet": { make: alexnet, options: IMAGE },
  "alexnet-caffe": { make: caffeAlexnet, options: IMAGE },
  "mobilenetv2": { make: (options) => mobilenetV2("imagenet", options), options: IMAGE },
  "convnext-t": { make: convnextT, options: IMAGE },
  "deit-t": { make: deitT, options: IMAGE },
};

/** The networks of the zoo, smallest images first. */
export const modelNames: readonly string[] = Object.keys(ZOO);

/** What a model can be told; nothing of a name that isn't in the zoo. */
export function modelOptions(name: string): readonly (keyof ModelOptions)[] {
  return Object.hasOwn(ZOO, name) ? ZOO[name].options : [];
}

/**
 * A graph of the zoo.
 *
 * @throws UserError for an unknown name, an option that the model doesn't have, or a value out of range
 */
export function createModel(name: string, options: ModelOptions = {}): Graph {
  const entry = Object.hasOwn(ZOO, name) ? ZOO[name] : undefined;
  if (!entry) throw new UserError(`unknown model "${name}": expected one of ${listed(name, modelNames)}`);
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (!entry.options.some((known) => known === key)) {
      throw new UserError(`model "${name}" has no option "${key}": expected ${entry.options.join(", ")}`);
    }
    checkOption(name, key, value);
  }
  return entry.make(options);
}

function checkOption(model: string, key: string, value: unknown): void {
  const say = (expected: string) => {
    throw new UserError(`model "${model}": option ${key} is ${JSON.stringify(value)}, expected ${expected}`);
  };
  if (key === "shortcut") {
    if (value !== "A" && value !== "projection") say(`"A" or "projection"`);
  } else if (key === "width") {
    if (typeof value !== "number" || !(value > 0)) say("a factor above 0");
  } else if (!Number.isInteger(value) || (value as number) < 1) {
    say("an integer of at least 1");
  }
}
