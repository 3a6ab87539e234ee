import { Command } from "commander";
import { UsageError } from "../errors.ts";
import { LIVE } from "../one_line/asked.ts";
import { isModelPath } from "../models/given.ts";
import { isNetworkFile } from "../recipe/load.ts";
import { requireGivenFiles } from "./given_files.ts";
import { examples } from "./examples.ts";
import type { Io } from "./io.ts";
import { addOneLineOptions, chooseRun, oneLineOption, type OneLineOptions } from "./one_line.ts";
import { addRunOptions, type RunOptions } from "./options.ts";
import { carryOut } from "./run.ts";

type PruneCommandOptions = RunOptions & OneLineOptions;

export function pruneCommand(io: Io, line: string): Command {
  const command = addRunOptions(
    new Command("prune").description("train a network, prune it, prove and measure the smaller one"),
    "name of a recipe (see secateur recipes), path of a .yaml file (default: digits), or an .onnx file",
  );
  return addOneLineOptions(command)
    .addHelpText(
      "after",
      examples(
        "prune net.onnx --data folder:./images --macs 0.5",
        "prune net.onnx --data folder:./images --ms 4 --search 40 --device live --lan",
        "prune digits --seed 3",
        "prune --resume runs/digits-1",
      ),
    )
    .action(async (recipe: string | undefined, options: PruneCommandOptions) => {
      const request = { name: "prune", line, recipe, options, adapt: <R>(whole: R) => whole };
      if (recipe !== undefined && isNetworkFile(recipe) && options.resume === undefined) {
        return await carryOut(io, { ...request, choose: (ui) => chooseRun(io, ui, recipe, options) });
      }
      if (options.device === LIVE) requireRecipe(recipe, options);
      await requireGivenFiles(io.store, options);
      requireRecipe(recipe, options);
      await carryOut(io, request);
    });
}

/** @throws UsageError for what only a run without a recipe takes, and for a network of one's own in place of the default recipe's */
function requireRecipe(recipe: string | undefined, options: PruneCommandOptions): void {
  const { model, data = "…", device, resume } = options;
  const foreign = oneLineOption(options);
  if (foreign !== undefined) {
    throw new UsageError(
      `${foreign} is for a network without a recipe, prune net.onnx --data …: in a recipe change its keys by --set, such as ` +
        "--set stages.1.budget.macs=0.5",
    );
  }
  if (device === LIVE) {
    throw new UsageError(
      "--device live is for a search for a network of one's own: prune net.onnx --data … --ms 4 --search 40 --device live",
    );
  }
  if (recipe !== undefined || resume !== undefined || model === undefined || !isModelPath(model)) return;
  throw new UsageError(
    `--model ${model}: no recipe is named, and digits, the default, is for a network of its own; choose one for yours: ` +
      `prune ${model} --data ${data}, or name a recipe`,
  );
}
