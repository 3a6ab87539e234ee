/**
 * Pruning until a floor of accuracy is met, against a scan by hand: for each ratio step, step² … a run of its own that is pruned to
 * it in as many steps, retrained alike. Fails where the smallest network that `until` finds is more than one step larger than the
 * smallest of the scan that holds the floor. Names of networks as arguments: `digits` (default), `lenet5` (on MNIST, much longer).
 */
import { parseRecipe } from "../../src/recipe/schema.ts";
import type { Report } from "../../src/report/types.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/types.ts";
import { DIR, prune } from "../recipe/tiny.ts";

const STEP = 0.7;
const DROP = 0.005;
/** The scan ends so many ratios below the last one that held: one that fails may be bad luck. */
const BEYOND = 2;

const NETWORKS: Readonly<
  Record<string, { readonly recipe: object; readonly train: number; readonly retrain: number }>
> = {
  digits: { recipe: { model: { name: "digits" }, data: { name: "digits" } }, train: 20, retrain: 8 },
  lenet5: { recipe: { model: { name: "lenet5" }, data: { name: "mnist", limit: 20_000 } }, train: 10, retrain: 4 },
};

const adam = (lr: number) => ({ kind: "adam", lr });
let failed = false;
for (const name of Deno.args.length > 0 ? Deno.args : ["digits"]) {
  const network = NETWORKS[name];
  if (!network) {
    console.error(`there is no network "${name}"; there are ${Object.keys(NETWORKS).join(", ")}`);
    Deno.exit(2);
  }
  failed = !await compare(name, network) || failed;
}
Deno.exit(failed ? 1 : 0);

async function compare(name: string, { recipe, train, retrain }: (typeof NETWORKS)[string]): Promise<boolean> {
  const run = async (stages: readonly object[], more: object = {}, store: Store = memoryStore()): Promise<Report> => {
    const whole = { version: 1, name, ...recipe, ...more, stages };
    return (await prune(parseRecipe(whole, "nightly"), { store })).report;
  };
  const trained = memoryStore();
  await run([{ kind: "train", epochs: train, optimizer: adam(2e-3) }], {}, trained);
  const weights = (await trained.read(`${DIR}/model.safetensors`))!;
  const again = { epochs: retrain, patience: 3, optimizer: adam(1e-3) };
  const fromWeights = async (stage: object) => {
    const store = memoryStore();
    await store.write("weights.safetensors", weights);
    return await run([{ kind: "prune", retrain: again, ...stage }], { weights: "weights.safetensors" }, store);
  };
  const { until } = await fromWeights({ until: { drop: DROP, step: STEP } });
  const { floor, attempts } = until![0];
  const found = attempts.findLast(({ kept }) => kept)?.asked ?? 1;
  for (const { asked, accuracy, kept } of attempts) {
    console.log(`${name}  until  ${asked.toFixed(4)}  ${accuracy?.toFixed(4) ?? "–"}  ${kept ? "held" : "taken back"}`);
  }
  let scanned = 1;
  for (let steps = 1, below = 0; below < BEYOND; steps++) {
    const macs = STEP ** steps;
    const { final } = await fromWeights({ budget: { macs }, steps });
    const held = final.accuracy!.validation >= floor;
    console.log(
      `${name}  by hand  ${macs.toFixed(4)}  ${final.accuracy!.validation.toFixed(4)}  ${held ? "held" : "below"}`,
    );
    if (held) scanned = macs;
    below = held ? 0 : below + 1;
  }
  const steps = Math.log(found / scanned) / Math.log(STEP);
  const good = steps >= -1 - 1e-9;
  console.log(
    `${name}: floor ${floor.toFixed(4)}, until ${found.toFixed(4)}, by hand ${scanned.toFixed(4)}: ` +
      `${steps.toFixed(2)} steps further ${good ? "" : "MISSED"}`,
  );
  return good;
}
