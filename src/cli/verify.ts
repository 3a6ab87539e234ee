import { Command } from "commander";
import { UserError } from "../errors.ts";
import type { Check, Verdict } from "../report/checks.ts";
import { examples } from "./examples.ts";
import type { Io } from "./io.ts";
import { formatTable } from "./table.ts";

export function verifyCommand(io: Io): Command {
  return new Command("verify")
    .description("recompute accuracy, parameters, MACs and equality of a finished run from its files")
    .argument("<dir>", "folder of the run")
    .option("--data <data>", "the run's data, if they lie elsewhere now: folder:./images …")
    .option("--data-dir <dir>", "where the data set's files lie")
    .option("--json", "print the checks as JSON instead of a table")
    .addHelpText("after", examples("verify runs/digits-1"))
    .action(async (dir: string, { data, dataDir, json }: { data?: string; dataDir?: string; json?: boolean }) => {
      if ((await io.store.list(dir)).length === 0) {
        throw new UserError(`${dir} holds no run: no such folder, or an empty one; name the folder of a finished run`);
      }
      const { verifyRun } = await io.engine();
      const ui = io.ui();
      const checks = await verifyRun({ dir, store: io.store, data, dataDir, signal: io.signal, ui }).finally(ui.close);
      io.out(json ? JSON.stringify(checks, null, 2) : formatChecks(checks));
      const failed = checks.filter(({ verdict }) => verdict === "differs").length;
      if (failed > 0) throw new UserError(`${dir}: ${failed} of ${checks.length} checks failed`);
    });
}

function formatChecks(checks: readonly Check[]): string {
  const words: Record<Verdict, string> = { agrees: "ok", differs: "FAILED", "not proved": "not proved" };
  const rows = checks.map(({ name, expected, found, verdict }) => [
    name,
    String(expected),
    String(found),
    words[verdict],
  ]);
  return formatTable([["check", "reported", "recomputed", ""], ...rows], { header: true });
}
