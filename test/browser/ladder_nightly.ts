/**
 * Runs the equality ladder of pruned or of merged networks for test/ladder/nightly.ts: networks `from` … `from` + `count` − 1. All
 * three come as arguments.
 */
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { Gpu } from "../../src/gpu/gpu.ts";
import { type Climb, climb, coverageOf, type Judges, LIMIT, worstOf } from "../ladder/ladder.ts";
import { climbMerged, mergedCoverage } from "../ladder/merged_ladder.ts";
import { openJudges } from "./judges.ts";

/** Ladders between two lines of progress. */
const PART = 100;

interface Kind<C extends Climb> {
  climb(seeds: readonly number[], judges: Judges): Promise<C[]>;
  coverage(climbs: readonly C[]): ReadonlyMap<string, number>;
}

const [kind] = Deno.args;
const [from, count] = Deno.args.slice(1).map(Number);
prepareEnvironment();
const off = kind === "merged"
  ? await run({ climb: climbMerged, coverage: mergedCoverage })
  : await run({ climb, coverage: coverageOf });
Deno.exit(off > 0 ? 1 : 0);

/** How many networks are off. */
async function run<C extends Climb>({ climb, coverage }: Kind<C>): Promise<number> {
  const gpu = await Gpu.open();
  const judges = await openJudges();
  const climbs: C[] = [];
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
  for (const [construct, found] of coverage(climbs)) console.log(`${String(found).padStart(6)} with ${construct}`);
  console.log("");
  for (const [rung, { seed, gap }] of worstOf(climbs)) {
    console.log(`${rung}: ${gap.toExponential(2)} (seed ${seed})${gap <= LIMIT ? "" : "  TOO FAR"}`);
  }
  const off = climbs.filter(({ rungs }) => [...rungs.values()].some((gap) => !(gap <= LIMIT)));
  if (off.length > 0) console.log(`\noff: seeds ${off.map(({ seed }) => seed).join(", ")}`);
  return off.length;
}
