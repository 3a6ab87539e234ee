/** Turns measured rows into what is printed and written. Pure. */
import type { Roofline } from "../src/measure/roofline.ts";
import { milliseconds, percent } from "../src/report/format.ts";
import { type Goal, type Rates, ratesOf, type Row } from "./suite.ts";

/** A row with what its time means on the adapter that measured it. */
export interface FinishedRow extends Row {
  readonly rates?: Rates;
}

export interface TextTable {
  readonly title: string;
  readonly header: readonly string[];
  readonly lines: readonly (readonly string[])[];
}

export function completed(rows: readonly Row[], roofline: Roofline): FinishedRow[] {
  return rows.map((row) => ({ ...row, rates: ratesOf(row, roofline) }));
}

/** One table for each `table` of the rows, in the order of their first appearance; columns that no row fills are left out. */
export function tablesOf(rows: readonly FinishedRow[]): TextTable[] {
  return [...Map.groupBy(rows, ({ table }) => table)].map(([title, rows]) => {
    const facts = [...new Set(rows.flatMap(({ facts }) => Object.keys(facts)))];
    const goals = rows.some(({ goal }) => goal);
    const notes = rows.some(({ note }) => note);
    return {
      title,
      header: [
        "",
        "ms",
        "MAD",
        "samples",
        "GFLOP/s",
        "GB/s",
        "of bound",
        ...facts,
        ...(goals ? ["goal", "goal met"] : []),
        ...(notes ? ["note"] : []),
      ],
      lines: rows.map(({ name, time, rates, facts: own, goal, note }) => [
        name,
        time ? milliseconds(time.medianMs) : "–",
        time ? milliseconds(time.madMs) : "–",
        time ? String(time.samples) : "–",
        rates ? milliseconds(rates.gflops) : "–",
        rates ? milliseconds(rates.gbps) : "–",
        rates ? `${percent(rates.ofBound, 0)} ${rates.boundBy}` : "–",
        ...facts.map((fact) => String(own[fact] ?? "")),
        ...(goals ? [goal?.text ?? "", goal ? verdict(goal) : ""] : []),
        ...(notes ? [note ?? ""] : []),
      ]),
    };
  });
}

function verdict({ reached, value }: Goal): string {
  const answer = reached ? "yes" : "no";
  return value === undefined ? answer : `${answer}, ${value.toFixed(2)}`;
}

/** "5 of 7 goals reached; not reached: …" */
export function goalsReached(rows: readonly FinishedRow[]): string {
  const claimed = rows.filter(({ goal }) => goal);
  if (claimed.length === 0) return "No goal applies to these rows.";
  const missed = claimed.filter(({ goal }) => !goal!.reached).map(({ table, name }) => `${table}: ${name}`);
  const text = `${claimed.length - missed.length} of ${claimed.length} goals reached`;
  return missed.length === 0 ? `${text}.` : `${text}; not reached: ${missed.join("; ")}.`;
}
