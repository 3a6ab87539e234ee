/** `inspect --explain`: why a group stays or goes. */
import { InvalidArgumentError } from "commander";
import { UsageError, UserError } from "../errors.ts";
import { initialise } from "../graph/initialise.ts";
import type { Model } from "../graph/types.ts";
import { estimateFor } from "../measure/latency/choose.ts";
import { type CostName, costNames, COSTS, type Target } from "../prune/budget/costs/costs.ts";
import { CRITERIA, criterionNamed } from "../prune/criteria/criteria.ts";
import { explain, type ExplainedGroup, type Explanation, type GroupCost } from "../prune/explain.ts";
import type { ModelChoice } from "../models/given.ts";
import type { PruneOptions } from "../prune/prune_model.ts";
import { PLAIN_GRANULARITIES } from "../prune/structures/structures.ts";
import type { PlainGranularity } from "../prune/structures/types.ts";
import { readDeviceRecord } from "../report/devices/schema.ts";
import { count, milliseconds, percent, short } from "../report/format.ts";
import { requireFile } from "./given_files.ts";
import type { Io } from "./io.ts";
import { formatTable, wrapped } from "./table.ts";

/** How the pruning that is explained goes; the library's defaults where nothing is said. */
export interface ExplainCommandOptions {
  readonly explain?: string;
  readonly criterion?: string;
  readonly structure?: PlainGranularity;
  readonly budget?: Target;
  readonly rule?: string;
  readonly protect?: number;
  readonly exclude?: readonly string[];
  readonly seed?: number;
  readonly device?: string;
  readonly batch?: number;
  /** Images for a criterion that looks at some, and how many of them at most. */
  readonly data?: string;
  readonly images?: number;
  /** Of a run's folder: its own stage, which says all of the above. */
  readonly stage?: number;
  readonly dataDir?: string;
}

/** Of multiply-adds where nothing is said. */
const HALF: Target = { macs: 0.5 };

/** COST=AMOUNT */
export function budgetOption(text: string): Target {
  const [name, amount, ...more] = text.split("=");
  const cost = COSTS[name as CostName];
  const value = Number(amount);
  if (!cost || more.length > 0 || !(value > 0) || (cost.amount === "fraction" && value > 1)) {
    throw new InvalidArgumentError(
      `Expected one of ${costNames.join(", ")}, and how much: macs=0.5, a fraction, or ms=2.5`,
    );
  }
  return { [name]: value };
}

export function structureOption(text: string): PlainGranularity {
  const found = PLAIN_GRANULARITIES.find((kind) => kind === text);
  if (!found) throw new InvalidArgumentError(`Expected one of ${PLAIN_GRANULARITIES.join(", ")}`);
  return found;
}

export function partOption(text: string): number {
  const value = text.trim() === "" ? NaN : Number(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError("Expected a number of at least 0 and at most 1");
  return value;
}

/** What says how an explained pruning goes. */
const HOW = [
  "criterion",
  "structure",
  "budget",
  "rule",
  "protect",
  "exclude",
  "seed",
  "device",
  "batch",
  "data",
  "images",
] as const;

const DATA_DIR = "--data-dir belongs to --stage and to --data of --explain: give one of them too";

/** @throws UsageError for options that only say how an explained pruning goes, where nothing is to be explained */
export function refuseWithoutExplain(options: ExplainCommandOptions): void {
  if (options.explain !== undefined) return;
  if (options.dataDir !== undefined) throw new UsageError(DATA_DIR);
  const given = [...HOW, "stage" as const].find((name) => options[name] !== undefined);
  if (given !== undefined) throw new UsageError(`--${given} says how --explain would prune: give --explain a name too`);
}

/** Why a stage of a run chose so. @throws UsageError for options that say how another pruning would go */
export async function stageExplanationOf(
  io: Io,
  dir: string,
  { explain: name, stage, dataDir, ...options }: ExplainCommandOptions,
): Promise<Explanation> {
  const given = HOW.find((how) => options[how] !== undefined);
  if (given !== undefined) {
    throw new UsageError(
      `--${given} says how another pruning would go, and --stage takes that from the run: leave one out`,
    );
  }
  const { explainRun } = await io.engine();
  const ui = io.ui();
  const { store, signal } = io;
  return await explainRun({ dir, stage: stage!, name: name!, dataDir, store, signal, ui }).finally(ui.close);
}

/** Images at most, where nobody says how many. */
const IMAGES = 256;

/**
 * @param network what is read where the criterion looks at images
 * @param params undefined for a network of the zoo, which has none: they are drawn by seed 1
 */
export async function explanationOf(
  io: Io,
  network: ModelChoice,
  { graph, params }: { readonly graph: Model["graph"]; readonly params?: Model["params"] },
  options: ExplainCommandOptions,
): Promise<Explanation> {
  const model: Model = { graph, params: params ?? initialise(graph, 1) };
  const { criterion = "l2", structure: granularity = "filter", budget = HALF, rule, protect, exclude, seed } = options;
  const { data, dataDir, images } = options;
  requireImages(criterion, options);
  const latency = await latencyOf(io, model, options);
  const request: PruneOptions = {
    criterion,
    constraints: [{ granularity, ...exclude && { exclude } }],
    budget: {
      ...budget,
      ...rule !== undefined && { rule },
      ...protect !== undefined && { protect },
      ...latency && { latency },
    },
    ...seed !== undefined && { seed },
  };
  const name = options.explain!;
  if (data === undefined) return explain(model, name, request);
  const { explainOnData } = await io.engine();
  const ui = io.ui();
  return await explainOnData({
    network: { model: network },
    name,
    prune: request,
    data: { name: data, part: undefined },
    dataDir,
    images: images ?? IMAGES,
    store: io.store,
    signal: io.signal,
    ui,
  }).finally(ui.close);
}

/** A criterion that looks at images has some, and no other. */
function requireImages(criterion: string, { data, dataDir, images }: ExplainCommandOptions): void {
  const looks = criterionNamed(criterion).request !== undefined;
  if (looks && data === undefined) {
    const able = [...CRITERIA.values()].filter(({ request }) => !request).map(({ name }) => name);
    throw new UserError(
      `criterion ${criterion} looks at images: give some with --data, or choose one of ${able.join(", ")}`,
    );
  }
  if (!looks && data !== undefined) {
    throw new UsageError(`--data is for criteria that look at images, and ${criterion} doesn't: leave it out`);
  }
  if (data !== undefined) return;
  if (images !== undefined) throw new UsageError("--images says how many of --data: give --data too");
  if (dataDir !== undefined) throw new UsageError(DATA_DIR);
}

async function latencyOf(
  io: Io,
  model: Model,
  { device, batch, budget }: ExplainCommandOptions,
): Promise<((model: Model) => number) | undefined> {
  if (device === undefined) {
    if (budget?.ms !== undefined) {
      throw new UsageError("--budget ms=… needs --device, a record with latency tables: runs/devices/pixel8.json");
    }
    if (batch !== undefined) throw new UsageError("--batch belongs to --device");
    return undefined;
  }
  await requireFile(io.store, device, "--device ");
  const bytes = (await io.store.read(device))!;
  return estimateFor(readDeviceRecord(bytes, device).tables ?? [], { ...batch !== undefined && { batch } }, model);
}

export function formatExplanation(found: Explanation, width: number): string {
  const { name, untouched, layers, groups, keep, least, ranking, budget } = found;
  if (untouched !== undefined) return paragraph(`${name} keeps everything: ${untouched}`, width);
  const lines = [
    paragraph(`${name}: ${count(keep)} of ${count(groups)} groups stay, at least ${count(least)}`, width),
    ...layers.length > 1 ? [paragraph(`They are of ${layers.join(", ")} together`, width)] : [],
    ...budget ? [paragraph(budgetLine(budget), width)] : [],
  ];
  const { cost } = found;
  if (cost) return [oneGroup(found, ranking[0], cost, width), ...lines].join("\n");
  return `${lines.join("\n")}\n\n${rankingTable(found)}`;
}

function paragraph(text: string, width: number): string {
  return wrapped(text, width).trimStart();
}

function budgetLine(
  { rule, requested, achieved, order, cut, threshold, shortfall }: NonNullable<Explanation["budget"]>,
) {
  const asked = costNames.filter((name) => requested[name] !== undefined);
  const told = (amounts: Target, text: (amount: number) => string) =>
    asked.map((name) => COSTS[name].tell(text(amounts[name]!))).join(" and ");
  const goes = threshold === undefined
    ? "nothing has to go"
    : `${count(cut)} of the ${count(order)} groups that may go do, up to a worth of ${
      threshold.toPrecision(4)
    } by ${rule}`;
  return shortfall ??
    `${told(requested, String)} was asked for, ${
      told(achieved, (amount) => amount.toPrecision(4))
    } is reached: ${goes}`;
}

function oneGroup(found: Explanation, group: ExplainedGroup, { params, macs, ms }: GroupCost, width: number): string {
  const { score, rank, worth, place, stays, why } = group;
  const part = (amount: string, fraction: number) => `${amount} (${percent(fraction)})`;
  const rows = [
    ["score", `${score.toPrecision(4)} by ${found.criterion}, rank ${count(rank)} of ${count(found.groups)}`],
    ...worth === undefined ? [] : [[
      "worth",
      `${worth.toPrecision(4)} by ${found.budget!.rule}, number ${count(place!)} to go of ${
        count(found.budget!.order)
      }`,
    ]],
    ["parameters", part(count(params.amount), params.fraction)],
    ["MACs", part(short(macs.amount), macs.fraction)],
    ...ms === undefined ? [] : [["ms", milliseconds(ms)]],
  ];
  const head = paragraph(`Group ${group.group} of ${found.name} ${stays ? "stays" : "goes"}: ${why}`, width);
  return `${head}\n\n${formatTable(rows, { left: 2 })}\n`;
}

/** Of a long layer those at both ends, and those about the last that stays. */
function rankingTable({ ranking, keep }: Explanation): string {
  const shown = ranking.filter(({ rank }) =>
    ranking.length <= 40 || rank <= 4 || rank > ranking.length - 4 || Math.abs(rank - keep) <= 12
  );
  const rows = shown.flatMap(({ group, score, rank, worth, place, stays, why }, i) => {
    const left = i > 0 && rank > shown[i - 1].rank + 1 ? [["…"]] : [];
    const numbers = [score.toPrecision(4), worth?.toPrecision(4) ?? "–", place === undefined ? "–" : count(place)];
    return [...left, [count(rank), String(group), stays ? "stays" : "goes", why, ...numbers]];
  });
  const header = ["rank", "group", "it", "because", "score", "worth", "to go"];
  return formatTable([header, ...rows], { header: true, left: 4 });
}
