import { type Command, InvalidArgumentError, Option } from "commander";
import type { TuneMode } from "../measure/run_tuner.ts";

/** Options of every command that carries out a recipe. */
export interface RunOptions {
  readonly model?: string;
  readonly weights?: string;
  readonly output?: string;
  readonly input?: Readonly<Record<string, string>>;
  readonly data?: string;
  readonly dataDir?: string;
  readonly device?: string;
  readonly layout?: string;
  readonly out?: string;
  readonly seed?: number;
  readonly limit?: number;
  /** False with --no-labels. */
  readonly labels: boolean;
  readonly set?: readonly string[];
  readonly resume?: string;
  /** False with --no-tune, which is another name of --tune none. */
  readonly tune: TuneMode | "none" | false;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export const OUTPUT = "the output of the model's file that holds the scores, where it has several";
export const INPUT = "an input of the model's file that is always the same, as a .npy file of one sample (repeatable)";

/** NAME=FILE, beside those given before; no name twice. */
export function constantInput(
  value: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const equals = value.indexOf("=");
  if (equals <= 0 || equals === value.length - 1) throw new InvalidArgumentError("Expected name=file.npy");
  const name = value.slice(0, equals);
  if (Object.hasOwn(before, name)) {
    throw new InvalidArgumentError(`Input "${name}" has ${before[name]} already: give each once`);
  }
  return { ...before, [name]: value.slice(equals + 1) };
}

const RECIPE = "name of a recipe (see secateur recipes) or path of a .yaml file (default: digits)";

/** @param recipe what the command's argument may be */
export function addRunOptions(command: Command, recipe = RECIPE): Command {
  return command
    .argument("[recipe]", recipe)
    .option("--model <model>", "network in place of the recipe's: an .onnx file, or one of the zoo")
    .option("--weights <file>", "its trained weights")
    .option("--output <name>", OUTPUT)
    .option("--input <name=file>", INPUT, constantInput)
    .option("--data <data>", "data in place of the recipe's: digits, mnist, folder:./images …")
    .option("--data-dir <dir>", "where the data set's files lie")
    .option("--device <file>", "a record with latency tables, for a budget in ms: runs/devices/pixel8.json")
    .option("--layout <layout>", "images of the written .onnx: nchw or nhwc (default: as the model's file)")
    .option("--out <dir>", "folder of the run (default: the next free runs/<recipe>-<number>)")
    .option("--seed <n>", "seed of all randomness", wholeNumber(0))
    .option("--limit <n>", "training images used at most", wholeNumber(1))
    .option("--no-labels", "take images without asking what they show: for stages without labels")
    .option("--set <path=value>", "change a value of the recipe: stages.1.keep=0.3 (repeatable)", collect)
    .option("--resume <dir>", "go on with an interrupted run")
    .addOption(
      new Option("--tune <how>", "measure which kernels are fastest: within a tenth of the time, all of them, or none")
        .choices(["auto", "full", "none"]).default("auto"),
    )
    .addOption(new Option("--no-tune").hideHelp())
    .option("--json", "print the report as JSON instead of tables")
    .option("--quiet", "print errors and warnings only");
}

function collect(value: string, before: readonly string[] = []): string[] {
  if (!value.includes("=")) throw new InvalidArgumentError("Expected path=value");
  return [...before, value];
}

export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (!Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`Expected a whole number of at least ${least}`);
    }
    return value;
  };
}

export function portNumber(text: string): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(value <= 65_535)) throw new InvalidArgumentError("Expected a number from 0 to 65535");
  return value;
}

/** "1,32" */
export function batchList(text: string): number[] {
  const batches = text.split(",").map((part) => /^[1-9]\d{0,4}$/.test(part) ? Number(part) : NaN);
  if (batches.some(Number.isNaN)) throw new InvalidArgumentError("Expected batch sizes like 1,32");
  return batches;
}
