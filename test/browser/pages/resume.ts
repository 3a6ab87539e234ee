/** Runs in the page: a small run at one go, and one that is stopped again and again, both kept in IndexedDB. */
import { fetchDigits } from "../../../src/data/digits.ts";
import { Gpu } from "../../../src/gpu/gpu.ts";
import { runPrune } from "../../../src/run/pipeline.ts";
import { parseRecipe } from "../../../src/recipe/schema.ts";
import { silentUi } from "../../../src/ui.ts";
import { Interrupted } from "../../../src/train/errors.ts";
import { indexedDbStore } from "../../../src/web/engine/store.ts";

const sgd = { kind: "sgd", lr: 0.02, momentum: 0.9 };
const recipe = parseRecipe({
  version: 1,
  name: "tiny",
  model: { name: "digits", width: 0.25 },
  data: { name: "digits", limit: 200 },
  batch: 16,
  stages: [
    { kind: "train", epochs: 2, optimizer: { kind: "adam", lr: 0.02 } },
    {
      kind: "admm",
      steps: 1,
      updates: 2,
      optimizer: sgd,
      constraints: [{ kind: "filter", keep: 0.5, minKeep: 2 }],
      retrain: { epochs: 1, optimizer: sgd },
    },
    { kind: "compact" },
  ],
}, "test");

/** Batches of the run after which it is stopped; an epoch has 10. */
const MOMENTS = [3, 12, 1, 15];

export default async function resume(): Promise<{ whole: string; pieces: string; stops: number }> {
  const store = indexedDbStore("resume");
  const gpu = await Gpu.open();
  const run = (dir: string, resume: boolean, signal?: AbortSignal) =>
    runPrune({
      recipe,
      dir,
      store,
      resume,
      signal,
      gpu,
      ui: silentUi(),
      tool: "secateur 0.0.0",
      commit: "test",
      command: "test",
      loadData: (request) => fetchDigits(new URL("/data/digits.csv.gz", location.href), request),
    });
  /** The model's bytes and the log's. */
  const hash = async (dir: string) => {
    const parts = await Promise.all(["model.safetensors", "log.jsonl"].map((name) => store.read(`${dir}/${name}`)));
    const all = await new Blob(parts.map((part) => part!)).arrayBuffer();
    return Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", all))).join();
  };
  await run("whole", false);
  let stops = 0;
  for (let process = 0;; process++) {
    try {
      await run("pieces", process > 0, abortedAt(MOMENTS[process]));
      break;
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      stops++;
    }
  }
  gpu.close();
  return { whole: await hash("whole"), pieces: await hash("pieces"), stops };
}

/** Aborted from the n-th time on that it is asked; never where `n` is undefined. Training asks after each batch. */
function abortedAt(n = Infinity): AbortSignal {
  let asked = 0;
  return {
    get aborted() {
      return ++asked >= n;
    },
  } as AbortSignal;
}
