import { Command, InvalidArgumentError, Option } from "commander";
import { CRITERIA } from "../prune/criteria/criteria.ts";
import { SENSITIVITY_DEFAULTS } from "../prune/sensitivity/sensitivity_defaults.ts";
import { count, percent, plain } from "../report/format.ts";
import { pointAt, type SensitivityFile } from "../report/sensitivity/sensitivity_file.ts";
import { examples } from "./examples.ts";
import type { Io } from "./io.ts";
import { addNetworkOnDataOptions, networkOnData, type NetworkOnDataOptions } from "./network_on_data.ts";
import { wholeNumber } from "./options.ts";
import { formatTable } from "./table.ts";

interface SensitivityCommandOptions extends NetworkOnDataOptions {
  readonly criterion: string;
  readonly ratios: number[];
  readonly limit?: number;
  readonly layers?: string[];
  readonly exclude?: string[];
  /** False with --no-labels. */
  readonly labels: boolean;
  readonly batch: number;
  readonly seed: number;
  readonly out?: string;
  readonly html?: string;
  readonly json?: boolean;
}

export function sensitivityCommand(io: Io, line: string): Command {
  const command = new Command("sensitivity")
    .description("measure what a network loses by each of its layers, when parts of it go and nothing is trained");
  return addNetworkOnDataOptions(command)
    .addOption(
      new Option("--criterion <name>", "by which filters go (see secateur criteria)").choices([...CRITERIA.keys()])
        .default(SENSITIVITY_DEFAULTS.criterion),
    )
    .addOption(
      new Option("--ratios <x,…>", "parts of a layer that go").argParser(ratios).default(
        SENSITIVITY_DEFAULTS.ratios,
        SENSITIVITY_DEFAULTS.ratios.join(","),
      ),
    )
    .option("--limit <n>", "images at most, spread evenly (default: all)", wholeNumber(2))
    .option("--layers <name,…>", "layers to look at, * for any characters (default: all that can lose filters)", names)
    .option("--exclude <name,…>", "layers to leave out", names)
    .option("--no-labels", "compare the outputs with the whole network's alone: images need no class folders then")
    .option("--batch <n>", "images at once", wholeNumber(1), SENSITIVITY_DEFAULTS.batch)
    .option("--seed <n>", "of what a criterion draws by lot", wholeNumber(0), SENSITIVITY_DEFAULTS.seed)
    .option("--out <file>", "the record, which a budget reads (default: runs/sensitivity/<model>.json)")
    .option("--html <file>", "also draw the curves and a heat map, as a page that opens without a network")
    .option("--json", "print the record instead of tables")
    .addHelpText(
      "after",
      "\nThe record is written after each batch of images.\nWhen it is stopped, the same command goes on from there.",
    )
    .addHelpText("after", examples("sensitivity net.onnx --data folder:./images --html net.html"))
    .action(async (model: string, options: SensitivityCommandOptions) => {
      const { criterion, ratios, limit, layers, exclude, batch, seed, html, json } = options;
      const out = options.out ?? `runs/sensitivity/${shortName(options.weights ?? model)}.json`;
      const { measureSensitivity } = await io.engine();
      const ui = io.ui();
      const file = await measureSensitivity({
        ...await networkOnData(model, options, io.store),
        criterion,
        ratios,
        limit,
        layers,
        exclude,
        labels: options.labels ? "use" : "ignore",
        batch,
        seed,
        out,
        store: io.store,
        ui,
        signal: io.signal,
        tool: `secateur ${io.version()}`,
        commit: await io.commit(),
        command: line,
      }).finally(ui.close);
      if (html !== undefined) {
        const { renderSensitivity } = await import("../report/sensitivity/sensitivity_page.ts");
        await io.store.write(html, new TextEncoder().encode(renderSensitivity(file)));
      }
      if (json) return io.out(JSON.stringify(file, null, 2));
      const drawn = html === undefined ? [] : [`The curves are drawn in ${html}`];
      io.out([formatSensitivity(file), [`Kept in ${out}`, ...drawn].join("\n")].join("\n\n"));
    });
}

/** What is left of a path: "net" of "nets/net.onnx", and of a run's folder its name. */
function shortName(path: string): string {
  const last = path.replace(/[/\\]+$/, "").split(/[/\\]/).at(-1)!;
  return last.replace(/\.(onnx|safetensors|pth?|th)$/i, "") || "network";
}

/** How good the network is at each ratio, layer by layer; and without labels, or beside it, how far its outputs are off. */
export function formatSensitivity(file: SensitivityFile): string {
  const { identity: { network, data, criterion, ratios }, curves, dense } = file;
  const { accuracy: whole } = dense;
  const head =
    `${network.name} on ${count(data.images)} images of ${data.name} (${data.part}), filters by ${criterion}` +
    (whole === undefined ? "" : `: ${percent(whole)} with all of them`);
  const header = (sparkline: string) => ["layer", "filters", sparkline, ...ratios.map((ratio) => percent(ratio, 0))];
  const table = (title: string, sparks: (curve: Curve) => number[], cell: (point: Point) => string) =>
    `${title}\n` + formatTable([
      header("curve"),
      ...curves.map((curve) => [
        curve.name,
        count(curve.groups),
        sparkline(sparks(curve)),
        ...ratios.map((ratio) => {
          const point = pointAt(curve, ratio);
          return point ? cell(point) : "–";
        }),
      ]),
    ], { header: true, left: 1 });
  const most = Math.max(...curves.flatMap(({ points }) => points.map(({ outputLoss }) => Math.min(1, outputLoss))));
  return [
    head,
    ...whole === undefined ? [] : [
      table(
        "Accuracy with a part of one layer's filters gone:",
        ({ points }) => [1, ...points.map(({ accuracy }) => accuracy! / Math.max(whole, Number.MIN_VALUE))],
        ({ accuracy }) => percent(accuracy!),
      ),
    ],
    table(
      "How far the outputs are off then, in parts of how much they vary (no labels):",
      (
        { points },
      ) => [0, ...points.map(({ outputLoss }) => Math.min(1, outputLoss) / Math.max(most, Number.MIN_VALUE))],
      ({ outputLoss }) => plain(Number(outputLoss.toPrecision(3))),
    ),
  ].join("\n\n");
}

type Curve = SensitivityFile["curves"][number];
type Point = Curve["points"][number];

const BARS = "▁▂▃▄▅▆▇█";

/** Numbers in 0…1 as bars from low to high; what lies beyond is held at the ends. */
export function sparkline(values: readonly number[]): string {
  return values.map((value) => BARS[Math.min(BARS.length - 1, Math.max(0, Math.floor(value * BARS.length)))]).join("");
}

function ratios(text: string): number[] {
  const values = text.split(",").map((part) => part.trim() === "" ? NaN : Number(part));
  const distinct = new Set(values).size === values.length;
  if (!distinct || values.length > 20 || !values.every((value) => value > 0 && value < 1)) {
    throw new InvalidArgumentError("Expected at most 20 different numbers above 0 and below 1, like 0.1,0.3,0.5");
  }
  return values.sort((a, b) => a - b);
}

function names(text: string): string[] {
  const list = text.split(",").map((name) => name.trim());
  if (list.some((name) => name === "")) throw new InvalidArgumentError("Expected names like conv1,layer2.*");
  return list;
}
