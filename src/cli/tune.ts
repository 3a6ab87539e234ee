import { Command, Option } from "commander";
import type { TuneReport } from "../measure/tune_models.ts";
import { milliseconds, times } from "../report/format.ts";
import { examples } from "./examples.ts";
import type { Io } from "./io.ts";
import { networksNamed, zooHelp } from "./networks.ts";
import { batchList } from "./options.ts";
import { formatTable } from "./table.ts";

const MODELS = ["digits", "lenet5", "resnet20"];
const BATCHES = [1, 64];

interface TuneCommandOptions {
  readonly batches: readonly number[];
  readonly fresh?: boolean;
  readonly json?: boolean;
}

export function tuneCommand(io: Io): Command {
  return new Command("tune")
    .description("measure which kernels are fastest on this device, for later runs to use")
    .argument("[models...]", `.onnx files, and networks of the zoo (default: ${MODELS.join(" ")})`)
    .addOption(
      new Option("--batches <n,...>", "batch sizes").argParser(batchList).default(BATCHES, BATCHES.join(",")),
    )
    .option("--fresh", "measure again what is known already")
    .option("--json", "print what was found as JSON instead of a table")
    .addHelpText("after", zooHelp(io.width))
    .addHelpText("after", examples("tune resnet20 --batches 1,32", "tune net.onnx"))
    .action(async (models: readonly string[], { batches, fresh = false, json }: TuneCommandOptions) => {
      const { tuneModels } = await io.engine();
      const ui = io.ui();
      const report = await tuneModels({
        networks: await networksNamed(models.length > 0 ? models : MODELS, io.store),
        batches,
        fresh,
        store: io.store,
        signal: io.signal,
        ui,
      }).finally(ui.close);
      io.out(json ? JSON.stringify(report, null, 2) : formatReport(report));
    });
}

function formatReport({ adapter, file, tuned }: TuneReport): string {
  const rows = tuned.map(({ shapeClass, untuned, winner, measured, refused }) => {
    const ms = (name: string) => measured.find((m) => m.name === name)!.medianMs;
    return [
      shapeClass,
      untuned,
      winner,
      milliseconds(ms(winner)),
      times(ms(untuned) / ms(winner)),
      String(refused.length),
    ];
  });
  const table = rows.length === 0
    ? "All of this was known; --fresh measures it again."
    : formatTable([["shapes", "default", "fastest", "ms", "gain", "refused"], ...rows], { header: true, left: 3 });
  return `${table}\n\nTuned for ${adapter}; kept in ${file}`;
}
