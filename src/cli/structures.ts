import { Command } from "commander";
import { GRANULARITIES, leavesZeros, structureSummary } from "../prune/structures/structures.ts";
import { examples } from "./examples.ts";
import type { Io } from "./io.ts";
import { formatTable } from "./table.ts";

export function structuresCommand(io: Io): Command {
  return new Command("structures")
    .description("list what groups of weights can be, and what shrinks where some go")
    .option("--json", "print JSON instead of a table")
    .addHelpText("after", examples("structures"))
    .action(({ json }: { json?: boolean }) => {
      const found = GRANULARITIES.map((kind) => ({
        name: kind,
        shrinks: leavesZeros(kind) ? "nothing: zeros stay" : "the tensors",
        group: structureSummary(kind),
      }));
      if (json) return io.out(JSON.stringify(found, null, 2));
      const rows = found.map(({ name, shrinks, group }) => [name, shrinks, group]);
      io.out(formatTable([["structure", "what shrinks", "group"], ...rows], { header: true }));
    });
}
