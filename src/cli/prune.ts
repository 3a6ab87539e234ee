import { Command } from "commander";
import type { Io } from "./io.ts";
import { addRunOptions, type RunOptions } from "./options.ts";
import { carryOut } from "./run.ts";

export function pruneCommand(io: Io, line: string): Command {
  return addRunOptions(new Command("prune").description("train a network, prune it, prove and measure the smaller one"))
    .action((recipe: string | undefined, options: RunOptions) =>
      carryOut(io, { name: "prune", line, recipe, options, adapt: (whole) => whole })
    );
}
