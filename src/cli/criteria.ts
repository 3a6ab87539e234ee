import { Command } from "commander";
import { CRITERIA } from "../prune/criteria/criteria.ts";
import type { Criterion } from "../prune/criteria/types.ts";
import { examples } from "./examples.ts";
import type { Io } from "./io.ts";
import { formatTable } from "./table.ts";

export function criteriaCommand(io: Io): Command {
  return new Command("criteria")
    .description("list what groups of weights can be scored by")
    .option("--json", "print JSON instead of a table")
    .addHelpText("after", examples("criteria"))
    .action(({ json }: { json?: boolean }) => {
      const found = Array.from(CRITERIA.values(), (criterion) => {
        const { name, summary, source = "" } = criterion;
        return { name, looksAt: looksAt(criterion), source, summary };
      });
      if (json) return io.out(JSON.stringify(found, null, 2));
      const rows = found.map(({ name, looksAt, source, summary }) => [name, looksAt, source, summary]);
      io.out(formatTable([["criterion", "looks at", "source", "score"], ...rows], { header: true }));
    });
}

function looksAt({ needs, labels, arbitrary }: Criterion): string {
  if (arbitrary) return "nothing";
  if (needs.includes("weights")) return "weights";
  return labels ? "labelled images" : "images";
}
