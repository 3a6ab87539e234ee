/**
 * Takes up what the suite has written of a sitting into docs/results/methods/<net>.json, cell by cell, and fills docs/methods.md with
 * its tables and docs/img with its charts; without a sitting it only does the latter:
 *
 *     deno run -A scripts/methods/document.ts bench/results/methods/fashion.json && deno fmt docs/methods.md
 */
import { UserError } from "../../src/errors.ts";
import { adapterName } from "../../src/gpu/adapter.ts";
import { digestOf, nameOf } from "./cell.ts";
import { type ChartFile, chartsOf } from "./charts.ts";
import { NETS } from "./nets.ts";
import { cellsOf } from "./tracks.ts";
import { type MethodsRecord, takenUp } from "./record.ts";
import { tablesOf } from "./table.ts";

const docs = `${import.meta.dirname}/../../docs`;
const BLOCK = /<!-- methods (\S+) -->\n[^]*?<!-- end -->/g;

/** The document with its tables, and the pictures that it shows. */
export interface MethodsPage {
  readonly text: string;
  readonly charts: readonly ChartFile[];
}

/**
 * The document with each `<!-- methods NET -->` … `<!-- end -->` filled from the record of that net.
 *
 * @throws Deno.errors.NotFound for a net without a record
 */
export function methodsPage(document: string): MethodsPage {
  const charts: ChartFile[] = [];
  const text = document.replaceAll(BLOCK, (_, net: string) => {
    const record: MethodsRecord = JSON.parse(Deno.readTextFileSync(recordPath(net)));
    const own = chartsOf(net, record.cells);
    charts.push(...own);
    return `<!-- methods ${net} -->\n\n${section(record, own)}\n\n<!-- end -->`;
  });
  return { text, charts };
}

function section({ about, date, adapter, cells, missing }: MethodsRecord, charts: readonly ChartFile[]): string {
  const commits = [...new Set(cells.map(({ commit }) => commit.slice(0, 7)))];
  const source = `${adapterName(adapter)}, commit ${commits.join(" and ")}, ${date.slice(0, 10)}`;
  const left = missing.length > 0
    ? [`Refused: ${missing.map(({ cell, reason }) => `${cell} (${reason})`).join("; ")}.`]
    : [];
  const pictures = (track: string) =>
    charts.filter((chart) => chart.track === track).map(({ title, name }) => `![${title}](img/${name})`);
  return [`${about}. ${source}:`, tablesOf(cells, pictures), ...left].join("\n\n");
}

function recordPath(net: string): string {
  return `${docs}/results/methods/${net}.json`;
}

async function takeUp(path: string): Promise<void> {
  const sitting: MethodsRecord = JSON.parse(Deno.readTextFileSync(path));
  const names = new Set(sitting.cells.map(({ net }) => net));
  const net = NETS.find(({ name }) => names.size === 1 && names.has(name));
  if (!net) throw new UserError(`${path}: expected cells of one net of ${NETS.map(({ name }) => name).join(", ")}`);
  const known = new Map(
    await Promise.all(cellsOf(net, "").map(async (cell) => [nameOf(cell), await digestOf(cell)] as const)),
  );
  const record = takenUp(kept(net.name), sitting, known);
  Deno.writeTextFileSync(recordPath(net.name), JSON.stringify(record, null, 2) + "\n");
}

function kept(net: string): MethodsRecord | undefined {
  try {
    return JSON.parse(Deno.readTextFileSync(recordPath(net)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

if (import.meta.main) {
  try {
    for (const path of Deno.args) await takeUp(path);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    console.error(error.message);
    Deno.exit(2);
  }
  const path = `${docs}/methods.md`;
  const { text, charts } = methodsPage(Deno.readTextFileSync(path));
  Deno.writeTextFileSync(path, text);
  for (const { name, svg } of charts) Deno.writeTextFileSync(`${docs}/img/${name}`, svg);
}
