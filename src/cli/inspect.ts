import { Command } from "commander";
import { UsageError, UserError } from "../errors.ts";
import type { Graph, Model } from "../graph/types.ts";
import { isModelPath, type ModelChoice } from "../models/given.ts";
import { createModel, modelNames } from "../models/zoo.ts";
import { type CoupledGroup, refusalsOf } from "../prune/inspect.ts";
import { inspectNetwork, type NetworkInspection } from "../report/inspection/network.ts";
import { HOW_TO_KEEP_NORMS, lacksNorms } from "../stages/restored_norms.ts";
import { bytes, count, short } from "../report/format.ts";
import { listed } from "../validation/names.ts";
import { visible } from "../visible.ts";
import {
  budgetOption,
  type ExplainCommandOptions,
  explanationOf,
  formatExplanation,
  partOption,
  refuseWithoutExplain,
  stageExplanationOf,
  structureOption,
} from "./explain.ts";
import { examples } from "./examples.ts";
import type { Io } from "./io.ts";
import { modelFile, zooHelp } from "./networks.ts";
import { constantInput, INPUT, OUTPUT, wholeNumber } from "./options.ts";
import { formatTable, wrapped } from "./table.ts";

const LOST_NORMS =
  "It has no norms. Where the trained network had batch norms, they were folded away, and without them a pruned " +
  `network is hard to train: prune puts them back (norms in a recipe). ${HOW_TO_KEEP_NORMS}`;

const OWN_STAGES =
  "This is how the run's network would be pruned further; --stage <n> says why the run's own stage chose so";

export function inspectCommand(io: Io): Command {
  return new Command("inspect")
    .description("print a network's layers, their costs, what is pruned together, and what can't be pruned and why")
    .argument("<model>", "an .onnx file, a run's folder or its model.safetensors, or the name of a network of the zoo")
    .option("--output <name>", OUTPUT)
    .option("--input <name=file>", INPUT, constantInput)
    .option("--html <file>", "also draw the graph, as a page that opens without a network")
    .option(
      "--explain <name>",
      "say instead why a layer's groups (conv1), or one (conv1:3), would stay or go when pruned",
    )
    .option(
      "--budget <cost=amount>",
      "with --explain: for a budget of params, macs, … (default: macs=0.5)",
      budgetOption,
    )
    .option("--criterion <name>", "with --explain: by what groups are scored (default: l2)")
    .option("--data <data>", "with --explain: images for a criterion that looks at some: digits, folder:./images …")
    .option("--images <n>", "with --explain and --data: images at most (default: 256)", wholeNumber(1))
    .option("--structure <kind>", "with --explain: what a group is (default: filter)", structureOption)
    .option("--rule <name>", "with --explain: how layers are compared (default: per-cost)")
    .option("--protect <fraction>", "with --explain: what each layer keeps of its groups in any case", partOption)
    .option("--exclude <layers...>", "with --explain: layers that stay as they are, * for any characters")
    .option("--seed <n>", "with --explain: of the criterion random", wholeNumber(0))
    .option("--device <file>", "with --explain: tell also ms, by a device's record: runs/devices/pixel8.json")
    .option("--batch <n>", "with --explain and --device: images at once (default: 1)", wholeNumber(1))
    .option(
      "--stage <n>",
      "with --explain, of a run's folder: why its own stage n chose so, by that stage's network, budget and data",
      wholeNumber(0),
    )
    .option("--data-dir <dir>", "with --stage or --data: where the data set lies")
    .option("--json", "print JSON instead of tables")
    .addHelpText("after", zooHelp(io.width))
    .addHelpText(
      "after",
      examples("inspect net.onnx --html net.html", "inspect resnet20 --explain layer1.0.conv1 --budget macs=0.5"),
    )
    .action(async (model: string, { html, json, output, input: inputs, ...explaining }: InspectCommandOptions) => {
      refuseWithoutExplain(explaining);
      if (explaining.explain !== undefined && html !== undefined) {
        throw new UsageError("--html draws the network, --explain says of a part: give one of them");
      }
      if (explaining.stage !== undefined) {
        if (output ?? inputs) {
          throw new UsageError("--output and --input are the run's own: leave them out with --stage");
        }
        const explained = await stageExplanationOf(io, model.replace(/[/\\]+$/, ""), explaining);
        return io.out(json ? JSON.stringify(explained, null, 2) : formatExplanation(explained, io.width));
      }
      const part = { ...output && { output }, ...inputs && { inputs } };
      const network = await networkOf(model, io, part);
      if (explaining.explain !== undefined) {
        const explained = await explanationOf(
          io,
          { name: await modelFile(model, io.store), ...part },
          network,
          explaining,
        );
        if (json) return io.out(JSON.stringify(explained, null, 2));
        const drawn = network.params ? [] : ["A network of the zoo has no weights: these are drawn by seed 1"];
        const run = await io.store.size(`${model}/recipe.yaml`) === undefined ? [] : [OWN_STAGES];
        return io.out([formatExplanation(explained, io.width), ...drawn, ...run].join("\n\n"));
      }
      const { graph } = network;
      const found = inspectNetwork(graph);
      if (html !== undefined) {
        const { renderInspection } = await import("../report/inspection/page.ts");
        await io.store.write(html, new TextEncoder().encode(renderInspection(found)));
      }
      if (json) return io.out(JSON.stringify(found, null, 2));
      const lost = !modelNames.includes(model) && lacksNorms(graph) ? [LOST_NORMS] : [];
      const drawn = html === undefined ? [] : [`The graph is drawn in ${html}`];
      io.out([formatInspection(found, io.width), ...lost, ...drawn].join("\n\n"));
    });
}

interface InspectCommandOptions extends ExplainCommandOptions {
  readonly html?: string;
  readonly json?: boolean;
  readonly output?: string;
  readonly input?: Readonly<Record<string, string>>;
}

/**
 * The graph that a file holds, or one of the zoo.
 * @throws UserError where there is none, or for options that it doesn't take
 */
export async function graphOf(model: string, io: Io, part: Omit<ModelChoice, "name">): Promise<Graph> {
  return (await networkOf(model, io, part)).graph;
}

/** The same with the weights that a file has; a network of the zoo has none. @throws UserError as `graphOf` does */
async function networkOf(
  model: string,
  { store }: Io,
  part: Omit<ModelChoice, "name">,
): Promise<Pick<Model, "graph"> & Partial<Model>> {
  if (modelNames.includes(model)) {
    const [option] = Object.keys(part);
    if (option === undefined) return { graph: createModel(model) };
    throw new UsageError(`--${option.replace(/s$/, "")} is for networks from files, ${model} is one of the zoo`);
  }
  const name = await modelFile(model, store);
  const isFile = await store.size(name) !== undefined;
  if (isFile && !isModelPath(name.slice(name.lastIndexOf("/") + 1))) {
    throw new UserError(`${model} holds no graph: expected an .onnx file or a run's model.safetensors`);
  }
  if (!isFile) {
    throw new UserError(
      `no file, run or network is named "${model}": expected an .onnx file, a run's folder, or one of ${
        listed(model, modelNames)
      }`,
    );
  }
  const { readGiven } = await import("../models/given.ts");
  return (await readGiven({ model: { name, ...part } }, store)).model!;
}

export function formatInspection(found: NetworkInspection, width: number): string {
  const { name, inputs, outputs, params, macs, bytes: size, nodes, groups } = found;
  const list = (values: typeof inputs) => values.map(({ name, shape }) => `${name} [${shape}]`).join(", ");
  const prunable = groups.filter(({ why }) => why === undefined);
  const layers = nodes.filter((node) => node.params > 0 || node.macs > 0).map((node) => [
    node.name,
    node.op,
    `[${node.shape}]`,
    node.weight?.join("×") ?? "",
    node.group ?? "",
    count(node.params),
    short(node.macs),
  ]);
  const sections = [
    visible(`${name}: ${list(inputs)} to ${list(outputs)}`) + "\n" +
    `${count(params)} parameters (${bytes(size)}), ${short(macs)} MACs per sample, ${nodes.length} nodes`,
    formatTable([["layer", "operator", "makes", "weight", "group", "parameters", "MACs"], ...layers], {
      header: true,
      left: 5,
    }),
  ];
  if (prunable.length > 0) {
    sections.push(`Can be pruned:\n${prunable.map((group) => formatGroup(group, width)).join("\n")}`);
  }
  for (const { kind, groups, why } of found.others) {
    const lines = groups.map(({ name, size, layers }) =>
      wrapped(`${count(size)} of ${name}: ${layers.join(", ")}`, width)
    );
    sections.push(
      why === undefined
        ? `Can be pruned by ${kind}:\n${lines.join("\n")}`
        : `Can't be pruned by ${kind}:\n${wrapped(`every layer: ${why}`, width)}`,
    );
  }
  for (const [kind, list] of Map.groupBy(refusalsOf(found), ({ kind }) => kind)) {
    const lines = list.map(({ layers, why }) => wrapped(`${layers.join(", ")}: ${why}`, width));
    sections.push(`Can't be pruned by ${kind}:\n${lines.join("\n")}`);
  }
  const { blocks, refused } = found.blocks;
  if (blocks.length > 0) {
    const kinds = Map.groupBy(blocks, ({ kind }) => kind);
    const lines = [...kinds].map(([kind, list]) =>
      wrapped(`${kind}: ${list.map(({ name }) => name).join(", ")}`, width)
    );
    sections.push(`Blocks (secateur blocks says what they could become):\n${lines.join("\n")}`);
  }
  if (refused.length > 0) {
    const lines = refused.map(({ kind, name, reason }) => wrapped(`${name} (${kind}): ${reason}`, width));
    sections.push(`Blocks that can't become one layer:\n${lines.join("\n")}`);
  }
  return sections.join("\n\n");
}

/** Every layer whose filters go with one choice, and who reads them. */
function formatGroup({ size, layers, readers }: CoupledGroup, width: number): string {
  const members = layers.map(({ name, filtersPerGroup }) =>
    filtersPerGroup === 1 ? name : `${name} (${Number(filtersPerGroup.toFixed(1))} filters to a group)`
  );
  const together = layers.length > 1 ? " together" : "";
  const read = readers.length > 0 ? `, read by ${readers.join(", ")}` : "";
  return wrapped(`${count(size)} of ${members.join(", ")}${together}${read}`, width);
}
