import { Command } from "commander";
import { UsageError } from "../errors.ts";
import { findBlocks } from "../depth/blocks/find_blocks.ts";
import {
  type BlockForms,
  blockForms,
  type FormCost,
  formedNetworks,
  type FormLayer,
} from "../depth/forms/form_cost.ts";
import type { Blocks } from "../depth/types.ts";
import { graphCost } from "../graph/cost.ts";
import { initialise } from "../graph/initialise.ts";
import type { Graph } from "../graph/types.ts";
import { tableFor } from "../measure/latency/choose.ts";
import type { LatencyTable } from "../measure/latency/types.ts";
import { readDeviceRecord } from "../report/devices/schema.ts";
import { count, milliseconds, short } from "../report/format.ts";
import { visible } from "../visible.ts";
import { graphOf } from "./inspect.ts";
import { requireFile } from "./given_files.ts";
import { examples } from "./examples.ts";
import type { Io } from "./io.ts";
import { zooHelp } from "./networks.ts";
import { constantInput, INPUT, OUTPUT, wholeNumber } from "./options.ts";
import { formatTable, wrapped } from "./table.ts";

interface BlocksCommandOptions {
  readonly all?: boolean;
  readonly table?: boolean;
  readonly device?: string;
  readonly batch: number;
  readonly output?: string;
  readonly input?: Readonly<Record<string, string>>;
  readonly json?: boolean;
}

export function blocksCommand(io: Io): Command {
  return new Command("blocks")
    .description("print a network's blocks, the forms that each could take, and what they would cost")
    .argument("<model>", "an .onnx file, a run's folder or its model.safetensors, or the name of a network of the zoo")
    .option("--all", "also forms that take as much as the block, or more")
    .option("--table", "measure here what layers take, and tell also ms (about a minute and a half)")
    .option("--device <file>", "tell also ms, by a device's record with latency tables: runs/devices/pixel8.json")
    .option("--batch <n>", "images at once, for ms", wholeNumber(1), 1)
    .option("--output <name>", OUTPUT)
    .option("--input <name=file>", INPUT, constantInput)
    .option("--json", "print JSON instead of tables")
    .addHelpText("after", zooHelp(io.width))
    .addHelpText("after", examples("blocks net.onnx --table"))
    .action(async (model: string, options: BlocksCommandOptions) => {
      const { all, json, output, input: inputs } = options;
      if (options.table && options.device !== undefined) {
        throw new UsageError("--table measures here and --device reads what was measured elsewhere: give one of them");
      }
      const graph = await graphOf(model, io, { ...output && { output }, ...inputs && { inputs } });
      const blocks = findBlocks(graph);
      const table = await latencyTable(io, graph, options);
      const forms = blockForms(graph, blocks, { table, all });
      if (json) return io.out(JSON.stringify({ name: graph.name, blocks: forms, refused: blocks.refused }, null, 2));
      io.out(formatBlocks(graph, { forms, refused: blocks.refused }, io.width));
    });
}

/** By which ms are told; undefined where nobody asked for them. */
async function latencyTable(
  io: Io,
  graph: Graph,
  { table, device, batch }: BlocksCommandOptions,
): Promise<LatencyTable | undefined> {
  if (device !== undefined) {
    await requireFile(io.store, device, "--device ");
    const bytes = (await io.store.read(device))!;
    return tableFor(readDeviceRecord(bytes, device).tables ?? [], { batch }, { graph });
  }
  if (!table) return undefined;
  const { measureTable } = await io.engine();
  const ui = io.ui();
  return await measureTable({
    model: { graph, params: initialise(graph, 1) },
    name: graph.name,
    batch,
    also: formedNetworks(graph),
    signal: io.signal,
    ui,
  }).finally(ui.close);
}

interface FoundForms {
  readonly forms: readonly BlockForms[];
  readonly refused: Blocks["refused"];
}

export function formatBlocks(graph: Graph, { forms, refused }: FoundForms, width: number): string {
  const { macs, nodes } = graphCost(graph);
  const inside = forms.flatMap(({ block }) => block.nodes).reduce((sum, name) => sum + nodes.get(name)!.macs, 0);
  const head = forms.length === 0
    ? "it has no blocks that could become one layer"
    : `${forms.length === 1 ? "one block" : `${count(forms.length)} blocks`} with ${short(inside)} of ${
      short(macs)
    } MACs per sample`;
  const sections = [visible(`${graph.name}: ${head}`)];
  if (forms.length > 0) sections.push(costTable(forms));
  const reasons = [
    ...forms.flatMap(({ refused }) => refused.map(({ block, form, refused: why }) => ({ block, what: form, why }))),
    ...forms.filter(({ block }) => block.kind === "branches")
      .map(({ block: { name } }) => ({ block: name, what: "any form", why: "it is linear as it stands: merge it" })),
  ];
  if (reasons.length > 0) sections.push(`Not offered:\n${grouped(reasons, width)}`);
  if (refused.length > 0) {
    const blocks = refused.map(({ name, kind, reason }) => ({ block: name, what: kind, why: reason }));
    sections.push(`Can't become one layer:\n${grouped(blocks, width)}`);
  }
  const [unpriced] = forms.flatMap(({ offered }) => offered.flatMap(({ unpriced }) => unpriced ?? []));
  if (unpriced !== undefined) sections.push(wrapped(`No ms where the table has no such layer: ${unpriced}`, width));
  return sections.join("\n\n");
}

function costTable(forms: readonly BlockForms[]): string {
  const timed = forms.some(({ offered }) => offered.some(({ ms }) => ms));
  const rows = forms.flatMap(({ block: { name, kind }, offered }) => {
    const lines = offered.map((cost) => [cost.form, becomes(cost), ...figures(cost, timed)]);
    return (lines.length > 0 ? lines : [["–"]]).map((line, i) => [i === 0 ? name : "", i === 0 ? kind : "", ...line]);
  });
  const header = ["block", "kind", "form", "becomes", "MACs", "parameters", ...timed ? ["ms"] : []];
  return formatTable([header, ...rows], { header: true, left: 4 });
}

function figures({ macs, params, ms }: FormCost, timed: boolean): string[] {
  return [
    `${short(macs.before)} → ${short(macs.after)}`,
    `${count(params.before)} → ${count(params.after)}`,
    ...timed ? [ms ? `${milliseconds(ms.before)} → ${milliseconds(ms.after)}` : "?"] : [],
  ];
}

/** The layers that are left. */
function becomes({ layers }: FormCost): string {
  return layers.map(layerText).join(", ") || "nothing";
}

const BORDERS: Readonly<Record<FormLayer["border"], string>> = {
  none: "",
  bias: " + border",
  kernel: " by regions",
};

function layerText({ kernel, channels, filters, group, kind, border }: FormLayer): string {
  const depthwise = group > 1 && group === channels;
  const window = kind === "linear" ? "linear" : kernel.join("×");
  const groups = depthwise ? " depthwise" : group > 1 ? ` in ${group} groups` : "";
  return `${window}${groups} ${channels}→${filters}${BORDERS[border]}`;
}

interface Reason {
  readonly block: string;
  readonly what: string;
  readonly why: string;
}

/** One entry for each reason, with all that it holds for. */
function grouped(reasons: readonly Reason[], width: number): string {
  const alike = Map.groupBy(reasons, ({ what, why }) => `${what}\n${why}`);
  return [...alike.values()]
    .map((list) => wrapped(`${list[0].what} of ${list.map(({ block }) => block).join(", ")}: ${list[0].why}`, width))
    .join("\n");
}
