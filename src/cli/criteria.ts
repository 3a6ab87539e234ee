import { Command } from "commander";
import { CRITERIA } from "../prune/criteria/criteria.ts";
import type { Criterion } from "../prune/criteria/types.ts";
import type { Io } from "./io.ts";
import { formatTable } from "./table.ts";

export function criteriaCommand(io: Io): Command {
  return new Command("criteria").description("list what groups of weights can be scored by").action(() => {
    const rows = Array.from(CRITERIA.values(), (criterion) => {
      const { name, summary, source = "" } = criterion;
      return [name, looksAt(criterion), source, summary];
    });
    io.out(formatTable([["criterion", "looks at", "source", "score"], ...rows], { header: true }));
  });
}

function looksAt({ needs, labels, arbitrary }: Criterion): string {
  if (arbitrary) return "nothing";
  if (needs.includes("weights")) return "weights";
  return labels ? "labelled images" : "images";
}
