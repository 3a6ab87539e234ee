import { Command } from "commander";
import { UserError } from "../errors.ts";
import type { Recipe } from "../recipe/schema.ts";
import { examples } from "./examples.ts";
import type { Io } from "./io.ts";
import { addRunOptions, type RunOptions } from "./options.ts";
import { carryOut } from "./run.ts";

export function trainCommand(io: Io, line: string): Command {
  return addRunOptions(new Command("train").description("only train: the train stages of a recipe"))
    .addHelpText("after", examples("train digits --set stages.0.epochs=4"))
    .action((recipe: string | undefined, options: RunOptions) =>
      carryOut(io, { name: "train", line, recipe, options, adapt: onlyTrain })
    );
}

function onlyTrain(recipe: Recipe): Recipe {
  const stages = recipe.stages.filter((stage) => stage.kind === "train");
  if (stages.length === 0) {
    throw new UserError(`recipe ${recipe.name} has no train stage; add one, or use secateur prune`);
  }
  return { ...recipe, stages };
}
