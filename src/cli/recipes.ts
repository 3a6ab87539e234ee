import { Command } from "commander";
import { namedRecipes } from "../recipe/load.ts";
import type { Io } from "./io.ts";
import { formatTable } from "./table.ts";

export function recipesCommand(io: Io): Command {
  return new Command("recipes").description("list the recipes that have a name").action(() => {
    io.out(formatTable(namedRecipes().map(({ name, description }) => [name, description ?? ""])));
  });
}
