/** The models by name. */

import { UserError } from "../errors.ts";
import type { Graph } from "../graph/types.ts";
import { digits } from "./digits.ts";
import { lenet5 } from "./lenet5.ts";
import type { ResNetOptions } from "./options.ts";
import { resnet } from "./resnet.ts";
import { vgg16 } from "./vgg.ts";

export type ModelOptions = ResNetOptions;

interface Entry {
  readonly make: (options: ModelOptions) => Graph;
  readonly options: readonly (keyof ModelOptions)[];
}

const SMALL = ["classes", "inChannels", "width"] as const;
const IMAGE = [...SMALL, "size"] as const;
const RESNET = [...IMAGE, "shortcut"] as const;

const ZOO: Readonly<Record<string, Entry>> = {
  "digits": { make: digits, options: SMALL },
  "lenet5": { make: lenet5, options: SMALL },
  "resnet8": { make: (options) => resnet(8, options), options: RESNET },
  "resnet20": { make: (options) => resnet(20, options), options: RESNET },
  "resnet32": { make: (options) => resnet(32, options), options: RESNET },
  "resnet56": { make: (options) => resnet(56, options), options: RESNET },
  "vgg16-bn": { make: vgg16, options: IMAGE },
};

export const modelNames: readonly string[] = Object.keys(ZOO);

/**
 * A graph of the zoo.
 *
 * @throws UserError for an unknown name, an option that the model doesn't have, or a value out of range
 */
export function createModel(name: string, options: ModelOptions = {}): Graph {
  const entry = Object.hasOwn(ZOO, name) ? ZOO[name] : undefined;
  if (!entry) throw new UserError(`unknown model "${name}": expected one of ${modelNames.join(", ")}`);
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
