/** The charts of docs/methods.md: a network's accuracy against what is left of it, track by track. Pure. */
import { amountAxis, type Axis, logAxis, percentAxis } from "../../src/report/charts/scale.ts";
import { type Sample, type Style, STYLES } from "../../src/report/charts/styles.ts";
import { percent } from "../../src/report/format.ts";
import { SCRATCH } from "../../src/recipe/registry.ts";
import { seedMean } from "../experiments/seeds.ts";
import type { AdmmUpdate, DoneCell, Track } from "./cell.ts";
import { SHUFFLED, UNIFORM_LOTS } from "./criteria_track.ts";
import { askedBy } from "./sparsity_track.ts";
import { type Panel, type PanelLine, type PanelsFile, panelsFile, type SpreadPoint } from "./panels.ts";
import { deviationOf, distinct } from "./table.ts";

export interface ChartFile {
  /** Beside the others in docs/img. */
  readonly name: string;
  readonly track: Track;
  /** What it shows, for the document. */
  readonly title: string;
  readonly svg: string;
}

/** Every chart that a net has cells for. */
export function chartsOf(net: string, cells: readonly DoneCell[]): ChartFile[] {
  const charts: readonly [name: string, Track, typeof refitChart][] = [
    ["criteria-macs", "A", (own) => criteriaChart(own, MACS)],
    ["criteria-ms", "A", (own) => criteriaChart(own.filter(({ speedup }) => speedup !== undefined), TIME)],
    ["without-training", "B", refitChart],
    ["sparsity", "C", sparsityChart],
    ["admm-residual", "C", (own) => updatesChart(own, RESIDUAL)],
    ["admm-support", "C", (own) => updatesChart(own, SUPPORT)],
  ];
  return charts.flatMap(([name, track, drawn]): ChartFile[] => {
    const own = cells.filter((cell) => cell.track === track && (!/^admm/.test(name) || cell.updates));
    if (own.length === 0) return [];
    const file = drawn(own);
    const svg = panelsFile({ ...file, description: "The tables have its numbers." });
    return [{ name: `methods-${net}-${name}.svg`, track, title: file.title, svg }];
  });
}

/** What a network costs, as a part of the dense one. */
interface Cost {
  readonly of: (cell: DoneCell) => number;
  readonly axis: (parts: readonly number[]) => Axis;
  readonly title: string;
  readonly label: string;
}

const MACS: Cost = {
  of: ({ macs }) => macs,
  axis: (parts) => {
    const { type, domain } = logAxis(parts);
    const ticks = [1 / 8, 1 / 4, 1 / 2].filter((part) => part > domain[0] && part < domain[1]);
    return { type, domain, ticks, format: (part) => `1/${1 / part}` };
  },
  title: "Accuracy against multiply-adds",
  label: "multiply-adds, of the dense network's",
};
const TIME: Cost = {
  of: ({ speedup }) => 1 / speedup!,
  axis: (parts) => logAxis(parts, 5, (part) => percent(part, 0)),
  title: "Accuracy against time",
  label: "ms for a batch of 64 images, of the dense network's ms",
};

const [OWN, CONTROL] = STYLES;
const OTHERS: Style = { color: "var(--faint)", symbol: "circle" };
const BASE: Style = { color: "var(--ink)", symbol: "circle", dash: "2,3" };
const DENSE: Style = { color: "var(--s3)", symbol: "circle", dash: "8,3" };
const CONTROLS: readonly string[] = [SHUFFLED, UNIFORM_LOTS, SCRATCH];

function criteriaChart(cells: readonly DoneCell[], cost: Cost): Omit<PanelsFile, "description"> {
  const rows = linesOf(cells, ({ method }) => method, cost.of);
  const known = (names: readonly string[]) => names.filter((name) => rows.has(name));
  const controls = known(CONTROLS);
  const names = [...controls, ...known([...rows.keys()].filter((name) => !CONTROLS.includes(name)))];
  const x = cost.axis(cells.map(cost.of));
  const dense = denseLine(cells, x);
  const others = (title: string) =>
    names.filter((name) => name !== title).map((name): PanelLine => ({
      points: rows.get(name)!,
      style: OTHERS,
      as: "background",
    }));
  const panels = names.map((title): Panel => ({
    title,
    lines: [
      ...others(title),
      dense,
      ...title !== SHUFFLED && rows.has(SHUFFLED)
        ? [{ points: rows.get(SHUFFLED)!, style: BASE, as: "background" } as const]
        : [],
      { points: rows.get(title)!, style: controls.includes(title) ? CONTROL : OWN, as: "subject" },
    ],
  }));
  return {
    title: cost.title,
    panels,
    columns: 4,
    legend: [
      key("a criterion", OWN),
      key("a control", CONTROL),
      key(SHUFFLED, BASE, "line"),
      key("dense", DENSE, "line"),
      key("all other rows", OTHERS, "line"),
    ],
    x,
    y: accuracyAxis(cells),
    xLabel: cost.label,
    yLabel: accuracyLabel(cells),
  };
}

/** A panel for each way to choose, a line for each thing that is given in return. */
function refitChart(cells: readonly DoneCell[]): Omit<PanelsFile, "description"> {
  const parts = ({ method }: DoneCell) => /^(.*?): (.*)$/.exec(method)!.slice(1);
  const x = percentAxis(cells.map(({ macs }) => macs), 4);
  const steps = distinct(cells, (cell) => parts(cell)[1]);
  const panels = [...Map.groupBy(cells, (cell) => parts(cell)[0])].map(([select, own]): Panel => ({
    title: `filters chosen by ${select}`,
    lines: [denseLine(own, x), ...styled(linesOf(own, (cell) => parts(cell)[1], MACS.of), steps)],
  }));
  return {
    title: "Accuracy against multiply-adds, without training",
    panels,
    columns: 3,
    legend: [
      ...steps.map((step, i) => key(step, STYLES[i])),
      key("dense", DENSE, "line"),
    ],
    x,
    y: accuracyAxis(cells),
    xLabel: MACS.label,
    yLabel: accuracyLabel(cells),
  };
}

/** A panel for each structure, a line for each method. */
function sparsityChart(all: readonly DoneCell[]): Omit<PanelsFile, "description"> {
  const cells = all.filter(({ level }) => askedBy(level));
  const asked = ({ level }: DoneCell) => askedBy(level)!;
  const x = logAxis(cells.map((cell) => asked(cell).part), 5, (part) => percent(part, part < 0.01 ? 1 : 0));
  const methods = distinct(cells, ({ method }) => method);
  const panels = [...Map.groupBy(cells, (cell) => asked(cell).of)].map(([of, own]): Panel => ({
    title: of === "weights" ? "single weights" : of,
    lines: [denseLine(own, x), ...styled(linesOf(own, ({ method }) => method, (cell) => asked(cell).part), methods)],
  }));
  return {
    title: "Accuracy against the part of weights and columns that is left",
    panels,
    columns: Math.max(2, panels.length),
    legend: [
      ...methods.map((method, i) => key(method, STYLES[i])),
      key("dense", DENSE, "line"),
    ],
    x,
    y: accuracyAxis(cells),
    xLabel: "part that is left",
    yLabel: accuracyLabel(cells),
  };
}

/** What is looked at of an update, and how the axis counts it. */
interface Followed {
  readonly of: (update: AdmmUpdate) => number | undefined;
  readonly title: string;
  readonly label: string;
}

const RESIDUAL: Followed = {
  of: ({ residual }) => residual,
  title: "How far ADMM's weights are from what the constraint allows, update by update",
  label: "‖W − Z‖ / ‖W‖",
};
const SUPPORT: Followed = {
  of: ({ support }) => support,
  title: "How many weights ADMM chooses otherwise than at the update before",
  label: "part of a layer's weights chosen otherwise",
};

/** A panel for each method and level, by its first seed, and a line for each layer. */
function updatesChart(cells: readonly DoneCell[], { of, title, label }: Followed): Omit<PanelsFile, "description"> {
  const first = [...Map.groupBy(cells, ({ method, level }) => `${method}, ${level}`)].map(([name, [cell]]) => ({
    name,
    updates: cell.updates!,
  }));
  const layers = [...new Set(first.flatMap(({ updates }) => updates.map(({ layer }) => layer)))];
  const all = first.flatMap(({ updates }) => updates);
  const most = Math.max(...all.map(({ update }) => update));
  return {
    title,
    panels: first.map(({ name, updates }) => ({
      title: name,
      lines: layers.map((layer, i): PanelLine => ({
        points: updates.filter((update) => update.layer === layer).flatMap((update) => {
          const y = of(update);
          return y === undefined ? [] : [{ x: update.update, y }];
        }),
        style: STYLES[i % STYLES.length],
        as: "subject",
      })),
    })),
    columns: 2,
    legend: layers.map((layer, i) => key(layer.replace(/\.weight$/, ""), STYLES[i % STYLES.length])),
    x: { ...amountAxis(most), domain: [0, most + 0.5] },
    y: percentAxis([0, ...all.flatMap((update) => of(update) ?? [])], 5),
    xLabel: "update",
    yLabel: label,
  };
}

function key(label: string, style: Style, sample: Sample = "line and dot") {
  return { label, style, sample };
}

function accuracyLabel(cells: readonly DoneCell[]): string {
  const seeds = distinct(cells, ({ seed }) => String(seed)).length;
  return seeds === 1 ? "test accuracy" : `test accuracy, mean and standard deviation over ${seeds} seeds`;
}

function styled(lines: ReadonlyMap<string, readonly SpreadPoint[]>, order: readonly string[]): PanelLine[] {
  return Array.from(lines, ([name, points]) => ({ points, style: STYLES[order.indexOf(name)], as: "subject" }));
}

/** For each name a point at each level, from the whole network down: means over seeds. */
function linesOf(
  cells: readonly DoneCell[],
  name: (cell: DoneCell) => string,
  x: (cell: DoneCell) => number,
): Map<string, SpreadPoint[]> {
  const rows = Map.groupBy(cells, name);
  return new Map(Array.from(rows, ([name, own]) => {
    const levels = [...Map.groupBy(own, ({ level }) => level).values()];
    return [
      name,
      levels.map((level): SpreadPoint => {
        const accuracies = level.map(({ accuracy }) => accuracy);
        return {
          x: seedMean(level.map(x)).mean,
          y: errorOf(seedMean(accuracies).mean),
          ...accuracies.length > 1 && { deviation: deviationOf(accuracies) },
        };
      }),
    ];
  }));
}

function denseLine(cells: readonly DoneCell[], { domain }: Axis): PanelLine {
  const dense = [...new Map(cells.map(({ seed, dense }) => [seed, dense])).values()];
  const y = errorOf(seedMean(dense).mean);
  return { points: domain.map((x) => ({ x, y })), style: DENSE, as: "background" };
}

/** An error of 0 has no logarithm. */
const LEAST_ERROR = 0.001;

function errorOf(accuracy: number): number {
  return Math.max(LEAST_ERROR, 1 - accuracy);
}

/** Accuracies by the logarithm of the error: what is good differs by a point or two, what is bad by twenty. */
function accuracyAxis(cells: readonly DoneCell[]): Axis {
  const { type, domain: [low, high], ticks } = logAxis(
    cells.flatMap(({ accuracy, dense }) => [errorOf(accuracy), errorOf(dense)]),
    5,
  );
  return { type, domain: [Math.min(1, high), low], ticks, format: (error) => percent(1 - error, error < 0.01 ? 1 : 0) };
}
