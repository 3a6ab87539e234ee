import { Command } from "commander";
import { namedRecipes } from "../recipe/load.ts";
import { examples } from "./examples.ts";
import type { Io } from "./io.ts";
import { formatTable } from "./table.ts";

export function recipesCommand(io: Io): Command {
  return new Command("recipes")
    .description("list the recipes that have a name")
    .option("--json", "print them whole, as JSON, instead of a table")
    .addHelpText("after", examples("recipes", "recipes --json"))
    .action(({ json }: { json?: boolean }) => {
      const recipes = namedRecipes();
      if (json) return io.out(JSON.stringify(recipes, null, 2));
      io.out(formatTable(recipes.map(({ name, description }) => [name, description ?? ""])));
    });
}
