/**
 * `import_results.ts FILE …`: what packs have found on other machines, put beside this one's records. main.ts starts it.
 */
import { formatTable } from "../../src/cli/table.ts";
import { adapterName } from "../../src/gpu/adapter.ts";
import { visible } from "../../src/visible.ts";
import { RESULTS } from "../record.ts";
import { byAdapter } from "../report/by_adapter.ts";
import { newest } from "../report/newest.ts";
import { type BenchRecord, renderResults } from "../report/page.ts";
import { SUITES } from "../suites/registry.ts";
import { importedName, type PackResults, parseResults } from "./results.ts";

if (import.meta.main) {
  // All are read before one is written.
  const found: PackResults[] = [];
  for (const path of Deno.args) {
    try {
      found.push(drawable(parseResults(await Deno.readTextFile(path))));
    } catch (error) {
      console.error(`bench: ${visible(`${path} ${whyUnread(error)}`)}`);
      Deno.exit(1);
    }
  }
  for (const results of found) tell(results, importRecords(results));
}

function whyUnread(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "isn't there: give the path of the file that a pack wrote";
  if (error instanceof Deno.errors.IsADirectory) return "is a folder: give the path of the file that a pack wrote";
  return (error as Error).message;
}

/**
 * What can't be drawn now couldn't be later either, and would take the other records' page with it.
 * @throws Error with one line that says whose record is damaged
 */
export function drawable(results: PackResults): PackResults {
  for (const record of results.records) {
    try {
      // Beside another one its times are compared, too.
      renderResults([record, record]);
    } catch {
      throw new Error(
        `is damaged: its record of the suite ${record.suite} lacks what the page shows: copy it again from the machine that made it`,
      );
    }
  }
  return results;
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
