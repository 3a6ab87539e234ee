import { Command } from "commander";
import { GRANULARITIES, leavesZeros, structureSummary } from "../prune/structures/structures.ts";
import type { Io } from "./io.ts";
import { formatTable } from "./table.ts";

export function structuresCommand(io: Io): Command {
  return new Command("structures").description("list what groups of weights can be, and what shrinks where some go")
    .action(() => {
      const rows = GRANULARITIES.map((kind) => [
        kind,
        leavesZeros(kind) ? "nothing: zeros stay" : "the tensors",
        structureSummary(kind),
      ]);
      io.out(formatTable([["structure", "what shrinks", "group"], ...rows], { header: true }));
    });
}
