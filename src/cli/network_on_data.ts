/** Options of commands that run one network on one part of some data. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { PartName } from "../data/images/arrange.ts";
import { UsageError } from "../errors.ts";
import { isModelPath, type NetworkOptions } from "../models/given.ts";
import type { Store } from "../store/types.ts";
import { requireGivenFiles } from "./given_files.ts";
import { modelFile } from "./networks.ts";
import { constantInput, INPUT, OUTPUT } from "./options.ts";

export interface NetworkOnDataOptions {
  readonly data: string;
  readonly dataDir?: string;
  readonly part?: PartName | "all";
  readonly weights?: string;
  readonly output?: string;
  readonly input?: Readonly<Record<string, string>>;
  readonly mean?: number[];
  readonly std?: number[];
  readonly size?: number;
}

/** The same as the engine takes it. */
export interface NetworkOnData {
  readonly network: NetworkOptions;
  readonly data: { readonly name: string; readonly part: PartName | "all" | undefined };
  readonly dataDir: string | undefined;
}

export function addNetworkOnDataOptions(command: Command): Command {
  return command
    .argument("<model>", "an .onnx file, a run's folder or model.safetensors, or a network of the zoo with --weights")
    .requiredOption("--data <data>", "digits, mnist, folder:./images, cifar10:./dir …")
    .option("--data-dir <dir>", "where the data set's files lie")
    .addOption(
      new Option("--part <part>", "which part (default: test; of class folders that nobody divided all)")
        .choices(["train", "validation", "test", "all"]),
    )
    .option("--weights <file>", "the network's weights, in place of those that the model's file has")
    .option("--output <name>", OUTPUT)
    .option("--input <name=file>", INPUT, constantInput)
    .option("--mean <x,…>", "subtracted from pixels in 0…1, a number for each channel", numbers)
    .option("--std <x,…>", "divides them then", numbers)
    .option("--size <pixels>", "side of the square that image files are resized and cropped to", pixels);
}

/** @throws UsageError for a network of the zoo without weights */
export async function networkOnData(
  model: string,
  { data, dataDir, part, weights, output, input: inputs, mean, std, size }: NetworkOnDataOptions,
  store: Store,
): Promise<NetworkOnData> {
  const name = await modelFile(model, store);
  await requireGivenFiles(store, { weights, input: inputs });
  if (!isModelPath(name) && weights === undefined) {
    throw new UsageError(`${model}: a network of the zoo knows nothing yet; give its weights with --weights`);
  }
  const preprocess = { ...mean && { mean }, ...std && { std }, ...size !== undefined && { size } };
  return {
    network: { model: { name, ...output && { output }, ...inputs && { inputs } }, weights, preprocess },
    data: { name: data, part },
    dataDir,
  };
}

function numbers(text: string): number[] {
  const values = text.split(",").map((part) => part.trim() === "" ? NaN : Number(part));
  if (!values.every(Number.isFinite)) throw new InvalidArgumentError("Expected numbers like 0.485,0.456,0.406");
  return values;
}

function pixels(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError("Expected a whole number of pixels");
  return Number(text);
}
