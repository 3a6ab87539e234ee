/** Runs the equality ladder for test/ladder/nightly.ts: networks `from` … `from` + `count` − 1, which come as arguments. */
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { type Climb, climb, coverageOf, LIMIT, worstOf } from "../ladder/ladder.ts";
import { openJudges } from "./judges.ts";

/** Ladders between two lines of progress. */
const PART = 100;

const [from, count] = Deno.args.map(Number);
prepareEnvironment();
const gpu = await Gpu.open();
const judges = await openJudges();
const climbs: Climb[] = [];
const started = performance.now();
try {
  for (let first = from; first < from + count; first += PART) {
    const seeds = Array.from({ length: Math.min(PART, from + count - first) }, (_, i) => first + i);
    climbs.push(...await climb(seeds, { gpu, ...judges }));
    console.log(`${climbs.length} of ${count}, ${((performance.now() - started) / 1000).toFixed(0)} s`);
  }
} finally {
  await judges.close();
  gpu.close();
}
console.log(`\n${climbs.filter(({ shrunk }) => shrunk).length} of ${climbs.length} lost a channel`);
for (const [construct, found] of coverageOf(climbs)) console.log(`${String(found).padStart(6)} with ${construct}`);
console.log("");
for (const [rung, { seed, gap }] of worstOf(climbs)) {
  console.log(`${rung}: ${gap.toExponential(2)} (seed ${seed})${gap <= LIMIT ? "" : "  TOO FAR"}`);
}
const off = climbs.filter(({ rungs }) => [...rungs.values()].some((gap) => !(gap <= LIMIT)));
if (off.length > 0) console.log(`\noff: seeds ${off.map(({ seed }) => seed).join(", ")}`);
Deno.exit(off.length > 0 ? 1 : 0);
