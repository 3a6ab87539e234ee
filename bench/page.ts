/** Draws bench/results/index.html from the newest record of each suite. */
import { RESULTS } from "./record.ts";
import { type BenchRecord, renderResults } from "./report/page.ts";
import { newest } from "./report/newest.ts";
import { SUITES } from "./suites/registry.ts";

Deno.mkdirSync(RESULTS, { recursive: true });
const files = newest([...Deno.readDirSync(RESULTS)].map(({ name }) => name), SUITES.map(({ name }) => name));
const records = files.map((name): BenchRecord => JSON.parse(Deno.readTextFileSync(`${RESULTS}/${name}`)));
const path = `${RESULTS}/index.html`;
Deno.writeTextFileSync(path, renderResults(records));
console.log(`Charts in ${path}`);
