/**
 * Kills runs at random moments, damages their plans and logs, and begins them twice:
 *
 *     deno run -A test/nightly/kills.ts --count 50 --seed 1
 *
 * Of each run must come the bytes of one that nobody touched, or a clear refusal; exit code 1 where one gives neither.
 */
import { parseArgs } from "node:util";
import { random } from "../../kernels/random/philox.ts";
import {
  begin,
  damage,
  damages,
  judge,
  killAt,
  type Moment,
  openRange,
  type Range,
  resume,
  type Tuning,
  twice,
} from "../recipe/killing.ts";

const { values } = parseArgs({
  options: { count: { type: "string", default: "50" }, seed: { type: "string", default: "1" } },
});
const count = Number(values.count);
const lots = random(Number(values.seed), "kills").fillUniform(new Float64Array(4 * count), 0);
const results = new Map<string, number>();
let failures = 0;

function tell(what: string, result: string): void {
  const good = ["same", "refused", "one refused", "one after the other"].includes(result);
  if (!good) failures++;
  if (!good) console.log(`${what}: ${result}`);
  const kind = `${what.split(":")[0]}: ${good ? result : "FAILED"}`;
  results.set(kind, (results.get(kind) ?? 0) + 1);
}

/** Where the `i`-th kill falls. */
function momentOf(i: number, ms: number, lot: number): [string, Moment] {
  switch (i % 5) {
    case 0:
      return ["first second", { afterMs: 1000 * lot }];
    case 1:
      return ["plans written", { file: "plans.json", afterMs: 80 * lot }];
    case 2:
      return ["measure", { file: "model.onnx", afterMs: 400 * lot }];
    default:
      return ["anywhere", { afterMs: ms * lot }];
  }
}

async function kill(range: Range, i: number): Promise<void> {
  const tuning: Tuning = i % 2 === 0 ? "default plans" : "tuned";
  const [lot, again, when] = lots.subarray(4 * i);
  const [name, moment] = momentOf(Math.floor(i / 2), range.ms[tuning], lot);
  // An untuned run writes no plans; its first file of its own is the checkpoint.
  const at = moment.file === "plans.json" && tuning !== "tuned"
    ? { ...moment, file: "checkpoint.safetensors" }
    : moment;
  const dir = `${range.root}/kill-${i}`;
  await killAt(begin(range.root, dir, tuning), dir, at);
  if (again < 0.4) await killAt(resume(range.root, dir), dir, { afterMs: range.ms[tuning] * when });
  tell(`kill, ${name}: ${i}, ${tuning}, ${JSON.stringify(at)}`, await judge(range, dir, tuning));
}

/** A run that was killed within its training, with a damaged file. */
async function spoil(range: Range, file: string, way: string): Promise<void> {
  const dir = `${range.root}/${file} ${way}`;
  await killAt(begin(range.root, dir, "tuned"), dir, { file: "log.jsonl", afterMs: 300 });
  await damage(`${dir}/${file}`, damages[way]);
  tell(`damaged ${file}: ${way}`, await judge(range, dir, "tuned"));
}

const root = await Deno.makeTempDir({ prefix: "secateur-kills-" });
try {
  const range = await openRange(root, ["tuned", "default plans"]);
  for (let i = 0; i < count; i++) await kill(range, i);
  for (const file of ["plans.json", "log.jsonl"]) {
    for (const way of Object.keys(damages)) await spoil(range, file, way);
  }
  for (let i = 0; i < 20; i++) {
    const how = i % 2 === 0 ? "begin" : "resume";
    tell(`two at once, ${how}: ${i}`, await twice(range, `${root}/twice-${i}`, how));
  }
} finally {
  await Deno.remove(root, { recursive: true });
}
for (const [kind, times] of [...results].sort()) console.log(`${String(times).padStart(4)}  ${kind}`);
console.log(failures === 0 ? "all as they must be" : `${failures} failed`);
Deno.exit(failures === 0 ? 0 : 1);
