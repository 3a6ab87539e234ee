/** What of well-known networks can be pruned, as a table of docs/formats.md. */
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { writeOnnx } from "../../src/formats/onnx/write.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { inspect } from "../../src/prune/inspect.ts";
import { prune } from "../../src/prune/prune_model.ts";
import { compact } from "../../src/prune/rewrite/compact.ts";
import { ARCHITECTURES } from "./architectures.ts";

/** A row for each: how many of its groups can go, what is left of its multiply-adds when each keeps one, and what blocks others. */
export function architectureTable(): string {
  const rows = Object.entries(ARCHITECTURES).map(([name, make]) => {
    const model = loadOnnx(writeOnnx(make()), name);
    const { groups, macs } = inspect(model.graph);
    const blocked = groups.flatMap(({ why }) => why === undefined ? [] : [cause(why)]);
    const least = prune(model, { constraints: [{ granularity: "filter", keep: 1e-9 }] }).model;
    const left = graphCost(compact(least).model.graph).macs / macs;
    const causes = [...Map.groupBy(blocked, (text) => text)].map(([text, { length }]) => `${text}: ${length}`);
    return [
      name,
      `${groups.length - blocked.length} of ${groups.length}`,
      `${Math.round(100 * left)} %`,
      causes.join(", "),
    ];
  });
  const all = [["network", "groups that can go", "least multiply-adds", "what blocks others"], ...rows];
  const widths = all[0].map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const line = (row: readonly string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`;
  return [line(all[0]), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...all.slice(1).map(line)].join(
    "\n",
  );
}

/** The operator that a reason names, or what it says of an output. */
function cause(why: string): string {
  return why.match(/^it flows through (\w+) "/)?.[1] ?? (why.startsWith("it makes the output") ? "the output" : why);
}
