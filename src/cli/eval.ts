import { Command } from "commander";
import { count, percent, plain } from "../report/format.ts";
import type { Score } from "../train/evaluate_network.ts";
import { examples } from "./examples.ts";
import type { Io } from "./io.ts";
import { addNetworkOnDataOptions, networkOnData, type NetworkOnDataOptions } from "./network_on_data.ts";
import { formatTable } from "./table.ts";

interface EvalCommandOptions extends NetworkOnDataOptions {
  readonly json?: boolean;
}

export function evalCommand(io: Io): Command {
  const command = new Command("eval")
    .description("score a network on data: its accuracy, and how its inputs and outputs were understood");
  return addNetworkOnDataOptions(command)
    .option("--json", "print the score as JSON instead of a table")
    .addHelpText("after", examples("eval net.onnx --data folder:./images", "eval runs/digits-1 --data digits"))
    .action(async (model: string, options: EvalCommandOptions) => {
      const { json } = options;
      const { network, data, dataDir } = await networkOnData(model, options, io.store);
      const { evaluateNetwork } = await io.engine();
      const ui = io.ui();
      const score = await evaluateNetwork({
        network,
        data,
        dataDir,
        store: io.store,
        ui,
      }).finally(ui.close);
      io.out(json ? JSON.stringify(score, null, 2) : formatScore(score));
    });
}

function formatScore(score: Score): string {
  const { classNames, classes } = score;
  const named = classNames ? `: ${classNames.slice(0, 20).join(", ")}${classes > 20 ? ", …" : ""}` : "";
  const list = (values: readonly number[]) => values.map(plain).join(", ");
  return formatTable([
    ["model", `${score.model}: ${count(score.params)} parameters, ${count(score.macs)} MACs`],
    ["data", `${score.data}, ${score.part}: ${count(score.images)} images of ${score.shape.join("×")}`],
    ["classes", `${classes}${named}`],
    ["inputs", `mean ${list(score.mean)}, std ${list(score.std)}`],
    ["accuracy", `${percent(score.accuracy)} (${count(score.correct)} of ${count(score.images)})`],
    ["loss", score.loss.toFixed(4)],
  ]);
}
