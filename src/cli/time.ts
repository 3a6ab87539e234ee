import { Command, InvalidArgumentError, Option } from "commander";
import { UserError } from "../errors.ts";
import { DEVICE_NAME } from "../report/devices/schema.ts";
import { compareDevices } from "../report/devices/compare.ts";
import { formatComparison } from "./devices.ts";
import { examples } from "./examples.ts";
import type { Io } from "./io.ts";
import { networksNamed, zooHelp } from "./networks.ts";
import { batchList } from "./options.ts";

const MODELS = ["digits", "lenet5", "resnet20"];
const BATCHES = [1, 8];
const SECONDS = { burst: 1, sustained: 60 } as const;

interface TimeCommandOptions {
  readonly batches: readonly number[];
  readonly sustained?: boolean;
  readonly detail?: boolean;
  readonly f16?: boolean;
  readonly table?: boolean;
  readonly name: string;
  readonly out?: string;
  readonly json?: boolean;
}

export function timeCommand(io: Io): Command {
  return new Command("time")
    .description(
      "time networks dense and pruned on this machine's adapter, as the phone page does, and keep the record",
    )
    .argument("[models...]", `.onnx files, and networks of the zoo (default: ${MODELS.join(" ")})`)
    .addOption(
      new Option("--batches <n,...>", "batch sizes").argParser(batchList).default(BATCHES, BATCHES.join(",")),
    )
    .option("--sustained", `${SECONDS.sustained} s for each without rest, instead of ${SECONDS.burst} s`)
    .option("--f16", "keep weights and activations in f16, and tell how far the outputs move")
    .option("--detail", "also each layer, and single kernels against the roofline")
    .option("--table", "also latency tables, for recipes with a budget in ms")
    .option("--name <name>", "what the device is called", deviceName, "here")
    .option("--out <file>", "the record (default: runs/devices/<name>.json)")
    .option("--json", "print the record instead of a table")
    .addHelpText("after", zooHelp(io.width))
    .addHelpText("after", examples("time net.onnx --batches 1,32", "time resnet20 --table --name here"))
    .action(async (models: readonly string[], options: TimeCommandOptions) => {
      const { batches, sustained = false, detail = false, f16 = false, table = false, name, json } = options;
      const out = options.out ?? `runs/devices/${name}.json`;
      if (await io.store.size(out) !== undefined) {
        throw new UserError(`${out} is there already: choose another --name or --out, or remove it`);
      }
      const { timeNetworks } = await io.engine();
      const ui = io.ui();
      const mode = sustained ? "sustained" : "burst";
      const record = await timeNetworks({
        networks: await networksNamed(models.length > 0 ? models : MODELS, io.store),
        protocol: { mode, seconds: SECONDS[mode], batches, ...f16 && { storage: "f16" } },
        detail,
        tables: table,
        name,
        tool: `secateur ${io.version()}`,
        signal: io.signal,
        ui,
      }).finally(ui.close);
      await io.store.write(out, new TextEncoder().encode(JSON.stringify(record, null, 2) + "\n"));
      if (json) return io.out(JSON.stringify(record, null, 2));
      io.out(`${formatComparison(compareDevices([record], "all"))}\n\nKept in ${out}`);
    });
}

function deviceName(text: string): string {
  if (!DEVICE_NAME.test(text)) throw new InvalidArgumentError("Expected letters, digits, dots and dashes, at most 64");
  return text;
}
