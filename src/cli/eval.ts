import { Command, InvalidArgumentError, Option } from "commander";
import { UsageError } from "../errors.ts";
import { isModelPath } from "../models/given.ts";
import { count, percent, plain } from "../report/format.ts";
import type { Score } from "../train/evaluate_network.ts";
import type { Io } from "./io.ts";
import { modelFile } from "./networks.ts";
import { constantInput, INPUT, OUTPUT } from "./options.ts";
import { formatTable } from "./table.ts";

interface EvalCommandOptions {
  readonly data: string;
  readonly dataDir?: string;
  readonly part?: "train" | "validation" | "test" | "all";
  readonly weights?: string;
  readonly output?: string;
  readonly input?: Readonly<Record<string, string>>;
  readonly mean?: number[];
  readonly std?: number[];
  readonly size?: number;
  readonly json?: boolean;
}

export function evalCommand(io: Io): Command {
  return new Command("eval")
    .description("score a network on data: its accuracy, and how its inputs and outputs were understood")
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
    .option("--size <pixels>", "side of the square that image files are resized and cropped to", pixels)
    .option("--json", "print the score as JSON instead of a table")
    .action(async (model: string, options: EvalCommandOptions) => {
      const { data, dataDir, part, weights, output, input: inputs, json, ...preprocess } = options;
      const name = await modelFile(model, io.store);
      if (!isModelPath(name) && weights === undefined) {
        throw new UsageError(`${model}: a network of the zoo knows nothing yet; give its weights with --weights`);
      }
      const { evaluateNetwork } = await io.engine();
      const ui = io.ui();
      const score = await evaluateNetwork({
        network: { model: { name, ...output && { output }, ...inputs && { inputs } }, weights, preprocess },
        data: { name: data, part },
        dataDir,
        store: io.store,
        ui,
      }).finally(ui.close);
      io.out(json ? JSON.stringify(score, null, 2) : formatScore(score));
    });
}

function formatScore(score: Score): string {
  const { classNames, classes } = score;
  const named = classNames ? `: ${classNames.slice(0, 20).join(", ")}${classes > 20 ? ", …" : ""}` : "";
  const list = (values: readonly number[]) => values.map(plain).join(", ");
  return formatTable([
    ["model", `${score.model}: ${count(score.params)} parameters, ${count(score.macs)} MACs`],
    ["data", `${score.data}, ${score.part}: ${count(score.images)} images of ${score.shape.join("×")}`],
    ["classes", `${classes}${named}`],
    ["inputs", `mean ${list(score.mean)}, std ${list(score.std)}`],
    ["accuracy", `${percent(score.accuracy)} (${count(score.correct)} of ${count(score.images)})`],
    ["loss", score.loss.toFixed(4)],
  ]);
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
