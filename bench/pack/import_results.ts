/**
 * `import_results.ts FILE …`: what packs have found on other machines, put beside this one's records. main.ts starts it.
 */
import { formatTable } from "../../src/cli/table.ts";
import { adapterName } from "../../src/gpu/adapter.ts";
import { visible } from "../../src/visible.ts";
import { RESULTS } from "../record.ts";
import { byAdapter } from "../report/by_adapter.ts";
import { newest } from "../report/newest.ts";
import type { BenchRecord } from "../report/page.ts";
import { SUITES } from "../suites/registry.ts";
import { importedName, type PackResults, parseResults } from "./results.ts";

if (import.meta.main) {
  // All are read before one is written.
  const found: PackResults[] = [];
  for (const path of Deno.args) {
    try {
      found.push(parseResults(await Deno.readTextFile(path)));
    } catch (error) {
      const missing = error instanceof Deno.errors.NotFound;
      console.error(`bench: ${visible(`${path} ${missing ? "isn't there" : (error as Error).message}`)}`);
      Deno.exit(1);
    }
  }
  for (const results of found) tell(results, importRecords(results));
}

/** Writes each record among this machine's, and gives the suites. */
export function importRecords(results: PackResults, directory = RESULTS): string[] {
  Deno.mkdirSync(directory, { recursive: true });
  for (const record of results.records) {
    Deno.writeTextFileSync(`${directory}/${importedName(record)}`, JSON.stringify(record, null, 2) + "\n");
  }
  return results.records.map(({ suite }) => suite);
}

function tell({ adapter, tests, shaders, records, date, complete }: PackResults, suites: readonly string[]): void {
  console.log(`${visible(adapterName(adapter))}, ${date.slice(0, 10)}${complete ? "" : ", not everything was run"}`);
  if (shaders) console.log(`shaders: ${shaders.compiled - shaders.refusals.length} of ${shaders.compiled} compile`);
  if (tests) console.log(`tests of kernels: ${tests.passed} passed, ${tests.failed} failed`);
  console.log(`suites: ${records.map(({ suite }) => suite).join(", ") || "none"}\n`);
  const kept = [...Deno.readDirSync(RESULTS)].map(({ name }) => name);
  for (const suite of suites) {
    const there = newest(kept, SUITES.map(({ name }) => name))
      .map((name): BenchRecord => JSON.parse(Deno.readTextFileSync(`${RESULTS}/${name}`)))
      .filter((record) => record.suite === suite);
    for (const { title, header, lines } of byAdapter(there)) {
      console.log(
        `${title}\n${formatTable([header, ...lines].map((line) => line.map(visible)), { header: true, left: 1 })}\n`,
      );
    }
  }
}
