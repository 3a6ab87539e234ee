/** The front drawn in characters: what trials are worth against what they cost, and the steps of the front. */
import type { Axis } from "../../report/charts/scale.ts";
import type { Objective } from "../objective.ts";
import { axisOf, frontSteps, placed } from "./axes.ts";
import type { Overview } from "./overview.ts";

export interface TerminalSize {
  /** Characters, the names of the axes among them. */
  readonly columns: number;
  /** Lines of the plane alone. */
  readonly rows: number;
}

const MARKS = { front: "●", other: "○", broken: "×" } as const;

/** Lines of text; undefined where fewer than two done trials have both numbers. */
export function terminalFront(overview: Overview, cost: Objective, size: TerminalSize): string | undefined {
  const { worth } = overview;
  const { shown, below } = placed(overview, cost);
  if (shown.length < 2) return undefined;
  const values = (metric: string) => shown.map(({ metrics }) => metrics[metric]);
  const y = axisOf(worth.metric, values(worth.metric), Math.max(2, Math.floor(size.rows / 2)));
  const labels = y.ticks.map(y.format);
  const margin = Math.max(...labels.map((label) => label.length), 4);
  const columns = Math.max(10, size.columns - margin - 2);
  const x = axisOf(cost.metric, values(cost.metric), Math.max(2, Math.floor(columns / 12)));
  const across = (value: number) => cellOf(x, value, columns);
  const up = (value: number) => size.rows - 1 - cellOf(y, value, size.rows);

  const plane = Array.from({ length: size.rows }, () => new Array<string>(columns).fill(" "));
  drawSteps(plane, frontSteps(overview, cost, shown).map((point) => [across(point.x), up(point.y)] as const));
  // The front last, so that nothing lies over it.
  for (const kind of ["broken", "other", "front"] as const) {
    for (const { metrics, front, keepsBounds } of shown) {
      const own = front ? "front" : keepsBounds ? "other" : "broken";
      if (own === kind) plane[up(metrics[worth.metric])][across(metrics[cost.metric])] = MARKS[kind];
    }
  }
  const named = new Map(y.ticks.map((tick, i) => [up(tick), labels[i]]));
  const lines = plane.map((row, i) =>
    `${(named.get(i) ?? "").padStart(margin)} ${named.has(i) ? "┤" : "│"}${row.join("")}`
  );
  return [
    worth.metric,
    ...lines.map((line) => line.trimEnd()),
    ...axisBelow(x, columns, margin).map((line) => line.trimEnd()),
    cost.metric.padStart(margin + 2 + columns),
    legend(shown, below),
  ].join("\n");
}

function legend(shown: readonly { readonly front: boolean; readonly keepsBounds: boolean }[], below: number): string {
  const broken = shown.some(({ keepsBounds }) => !keepsBounds);
  return [
    `${MARKS.front} on the front`,
    `${MARKS.other} other trials`,
    ...broken ? [`${MARKS.broken} beyond a bound`] : [],
    ...below > 0 ? [`${below} far below not drawn`] : [],
  ].join("   ");
}

/** The cell of 0 … count − 1 that a value falls into, from the axis's begin on. */
export function cellOf({ type, domain }: Pick<Axis, "type" | "domain">, value: number, count: number): number {
  const scaled = type === "log" ? Math.log : (number: number) => number;
  const [low, high] = domain.map(scaled);
  const share = (scaled(value) - low) / (high - low);
  return Math.min(count - 1, Math.max(0, Math.floor(share * count)));
}

/** From each point right to the column of the next one, and then up or down to it. */
function drawSteps(plane: string[][], cells: readonly (readonly [number, number])[]): void {
  cells.slice(1).forEach(([toColumn, toRow], i) => {
    const [column, row] = cells[i];
    for (let at = column; at < toColumn; at++) plane[row][at] = "─";
    if (row === toRow) return;
    const down = toRow > row;
    plane[row][toColumn] = down ? "╮" : "╯";
    for (let at = Math.min(row, toRow) + 1; at < Math.max(row, toRow); at++) plane[at][toColumn] = "│";
  });
}

/** The line with ticks, and their names; one that would touch the name before is left out. */
function axisBelow(x: Axis, columns: number, margin: number): string[] {
  const line = new Array<string>(columns).fill("─");
  const names = new Array<string>(columns + 8).fill(" ");
  let free = 0;
  for (const tick of x.ticks) {
    const at = cellOf(x, tick, columns);
    line[at] = "┬";
    const name = x.format(tick);
    const from = Math.max(0, at - Math.floor(name.length / 2));
    if (from < free || from + name.length > columns + 2) continue;
    [...name].forEach((character, i) => names[from + i] = character);
    free = from + name.length + 2;
  }
  return [`${" ".repeat(margin)} └${line.join("")}`, `${" ".repeat(margin + 2)}${names.join("")}`];
}
