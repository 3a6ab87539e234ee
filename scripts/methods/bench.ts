/**
 * Suite "methods": pruning methods on the same networks, data and epochs. Each cell is kept below runs/methods when it is done, so
 * that a later sitting goes on where this one stops.
 */
import { parseArgs } from "node:util";
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { commit } from "../../src/cli/identity.ts";
import { UserError } from "../../src/errors.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { done, type DoneCell, kept, nameOf } from "./cell.ts";
import { netsWith } from "./nets.ts";
import { cellsOf } from "./tracks.ts";
import type { MethodsRecord } from "./record.ts";
import { tablesOf } from "./table.ts";
import { OPTIONS } from "../../bench/options.ts";
import { describeSetting, printSetting, RESULTS } from "../../bench/record.ts";

const ROOT = `${import.meta.dirname}/../../runs/methods`;
const { values } = parseArgs({ options: OPTIONS, allowPositionals: true });
const seed = values.seed === undefined ? undefined : Number(values.seed);
const { weights, data } = values;
if ((weights === undefined) !== (data === undefined)) {
  console.error(`bench: ${weights ? "--data" : "--weights"}: expected it beside ${weights ? "--weights" : "--data"}`);
  Deno.exit(2);
}
const NETS = netsWith(weights !== undefined && data !== undefined ? { weights, data } : undefined);
const all = NETS.flatMap((net) => cellsOf(net, ROOT));
// The other nets take hours: they are asked for by name.
const cells = all.filter(({ net }) => values.case !== undefined || net.name === "digits")
  .filter((cell) => seed === undefined || cell.seed === seed);
const wanted = (values.case ?? "").toLowerCase();
const chosen = cells.filter((cell) => nameOf(cell).toLowerCase().includes(wanted));
if (chosen.length === 0) {
  const methods = [...new Set(cells.map(({ method }) => method))];
  console.error(
    `bench: --case: no cell contains "${values.case}": expected a part of a name like "${nameOf(cells[0])}"; nets: ` +
      `${NETS.map(({ name }) => name).join(", ")}; methods: ${methods.join(" | ")}`,
  );
  Deno.exit(2);
}

prepareEnvironment();
using gpu = await Gpu.open();
const source = await commit();
const setting = await describeSetting("methods", gpu, {
  versions: {},
  seed: seed ?? 1,
  clock: "none",
  quantumMs: 0,
});
printSetting(setting);
const found: DoneCell[] = [];
const missing: { readonly cell: string; readonly reason: string }[] = [];
for (const [i, cell] of chosen.entries()) {
  const started = performance.now();
  const label = `${i + 1}/${chosen.length} ${nameOf(cell)}`;
  try {
    const result = await done(gpu, cell, { root: ROOT, commit: source });
    found.push(result);
    console.log(
      `${label}: ${(100 * result.accuracy).toFixed(2)} % (${((performance.now() - started) / 1000).toFixed(0)} s)`,
    );
  } catch (error) {
    // What a method can't do is a cell as well.
    if (!(error instanceof UserError)) throw error;
    missing.push({ cell: nameOf(cell), reason: error.message });
    console.log(`${label}: ${error.message}`);
  }
}
// The tables have what earlier sittings have computed as well.
const nets = NETS.filter(({ name }) => found.some(({ net }) => net === name));
Deno.mkdirSync(`${RESULTS}/methods`, { recursive: true });
for (const { name, about } of nets) {
  const known = await Promise.all(all.filter(({ net }) => net.name === name).map((cell) => kept(cell, ROOT)));
  const own = known.filter((cell) => cell !== undefined);
  const { adapter, date, machine, versions } = setting;
  // Seed and source stand in each cell: they may be of other sittings.
  const record: MethodsRecord = { suite: "methods", about, date, adapter, machine, versions, cells: own, missing };
  const path = `${RESULTS}/methods/${name}.json`;
  Deno.writeTextFileSync(path, JSON.stringify(record, null, 2) + "\n");
  console.log(`\n${record.about}\n\n${tablesOf(own)}\n\nwritten to ${path}`);
}
