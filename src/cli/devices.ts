import { Command } from "commander";
import { UserError } from "../errors.ts";
import { compareDevices, type Comparison, deviceWords, doubtOf, leftOutWords } from "../report/devices/compare.ts";
import type { DeviceRecord } from "../report/devices/record.ts";
import { readDeviceRecord } from "../report/devices/schema.ts";
import type { Speed } from "../report/devices/speedups.ts";
import { milliseconds, times } from "../report/format.ts";
import { visible } from "../visible.ts";
import { examples } from "./examples.ts";
import type { Io } from "./io.ts";
import { formatTable } from "./table.ts";

const FOLDER = "runs/devices";

interface DevicesOptions {
  readonly html?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

export function devicesCommand(io: Io): Command {
  return new Command("devices")
    .description("compare what was measured on several devices, side by side")
    .argument("[files...]", `records of devices, or folders of them (default: ${FOLDER})`)
    .option("--html <file>", "also write a page with a chart, which opens without a network")
    .option("--json", "print the comparison as JSON instead of a table")
    .option("--all", "software adapters too, and what was computed without WebGPU")
    .addHelpText("after", examples("devices runs/devices --all --html devices.html"))
    .action(async (paths: readonly string[], { html, all, json }: DevicesOptions) => {
      const records = await readRecords(paths.length > 0 ? paths : [FOLDER], io);
      const compared = compareDevices(records, all ? "all" : "hardware");
      if (compared.devices.length === 0) {
        throw new UserError(
          `no device was timed on its GPU by WebGPU; there are ${leftOutWords(compared)}: --all shows them`,
        );
      }
      if (html !== undefined) {
        const { renderComparison } = await import("../report/devices/page.ts");
        await io.store.write(html, new TextEncoder().encode(renderComparison(compared)));
      }
      if (json) return io.out(JSON.stringify(compared, null, 2));
      io.out(formatComparison(compared) + (html === undefined ? "" : `\n\nThe chart is in ${html}`));
    });
}

async function readRecords(paths: readonly string[], { store }: Io): Promise<DeviceRecord[]> {
  const files = new Set<string>();
  for (const path of paths) {
    if (await store.size(path) !== undefined) files.add(path);
    else {
      const found = (await store.list(path)).filter((file) => file.endsWith(".json"));
      if (found.length === 0) {
        throw new UserError(`${path}: no record of a device there: measure one with deno task serve, or secateur time`);
      }
      found.forEach((file) => files.add(file));
    }
  }
  return await Promise.all([...files].map(async (file) => readDeviceRecord((await store.read(file))!, file)));
}

export function formatComparison(compared: Comparison): string {
  const { devices, labels, rows, leftOut } = compared;
  const doubts: string[] = [];
  const cell = (speed: Speed | undefined, device: string): string => {
    if (!speed) return "";
    const { network, batch, dense, pruned, ratio } = speed;
    const ms = ({ medianMs }: Speed["dense"]) => medianMs === undefined ? "–" : milliseconds(medianMs);
    if (ratio === undefined) {
      doubts.push(visible(`? ${device}, ${network}, batch ${batch}: ${doubtOf(speed) ?? "no time"}`));
    }
    return `${ms(dense)} → ${ms(pruned)} ms  ${ratio === undefined ? "?" : times(ratio)}`;
  };
  const table = rows.length === 0 ? "No network was timed both dense and pruned." : formatTable([
    ["network", "batch", "MACs", ...labels],
    ...rows.map(({ network, batch, macs, speeds }) => [
      network,
      String(batch),
      times(macs),
      ...speeds.map((speed, d) => cell(speed, labels[d])),
    ]),
  ], { header: true, left: 1 });
  const about = formatTable(devices.map((record, d) => [labels[d], deviceWords(record)]));
  return [
    table,
    ...doubts.length > 0 ? [doubts.join("\n")] : [],
    about,
    ...leftOut.length === 0 ? [] : [`Left out: ${leftOutWords(compared)}; --all shows them`],
  ].join("\n\n");
}
