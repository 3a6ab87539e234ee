/** The `digits` recipe in this browser: trained, pruned, proved and compacted as on a server, and kept in IndexedDB. */
import { fetchDigits } from "../../data/digits.ts";
import { UserError } from "../../errors.ts";
import { DeviceLostError } from "../../gpu/errors.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Recipe } from "../../recipe/schema.ts";
import { accuracyOf } from "../../report/build.ts";
import type { Report } from "../../report/types.ts";
import type { Store } from "../../store/types.ts";
import { Interrupted } from "../../train/errors.ts";
import type { Ui } from "../../ui.ts";
import type { Calls, TrainEvent, TrainResult } from "../messages.ts";
import { fetched } from "./late_code.ts";

const DIR = "runs/digits";
const RECIPE = `${DIR}/recipe.yaml`;
/** Kept for whoever asks; the checkpoint is of use here only. */
const FILES = ["model.onnx", "model.safetensors", "report.json", "report.html", "recipe.yaml", "log.jsonl"];
/** The page times networks by itself, and controls would triple the wait. */
const LEFT_OUT: readonly string[] = ["controls", "measure"];

/** After a lost device a run goes on from its last epoch, so often at most. */
const LOSSES = 3;

export interface TrainingOptions {
  /** Where the page lies: data/ is beside it. */
  readonly base: URL;
  readonly store: Store;
  readonly tool: string;
  /** Opens a device for the run. */
  readonly open: () => Promise<Gpu>;
}

export interface Training {
  /** Stopped, it gives no report, and `resume` goes on from there. Throws UserError where another tab is at it. */
  run(options: { resume: boolean; signal: AbortSignal; onEvent: (event: TrainEvent) => void }): Promise<TrainResult>;
  state(): Promise<Calls["trainState"]["answer"]>;
  file(name: string): Promise<Uint8Array<ArrayBuffer>>;
}

export function createTraining({ base, store, tool, open }: TrainingOptions): Training {
  async function run(going: boolean, signal: AbortSignal, ui: Ui): Promise<TrainResult> {
    // All stages and their schemas, which a visit that only times networks doesn't load.
    const [{ runPrune }, { formatRecipe, loadRecipe }] = await fetched(Promise.all([
      import("../../run/pipeline.ts"),
      import("../../recipe/load.ts"),
    ]));
    if (!going) { for (const file of await store.list(DIR)) await store.remove(file); }
    const recipe = going ? await loadRecipe(RECIPE, store) : forPage(await loadRecipe("digits", store));
    await store.write(RECIPE, new TextEncoder().encode(formatRecipe(recipe)));
    for (let losses = 0;; losses++) {
      try {
        using gpu = await open();
        const report = await runPrune({
          recipe,
          dir: DIR,
          store,
          resume: going || losses > 0,
          bar: "run",
          signal,
          ui,
          gpu,
          tool,
          commit: "page",
          command: "train in the page",
          loadData: (request) => fetchDigits(new URL("data/digits.csv.gz", base), request),
        });
        return { report: resultOf(report) };
      } catch (error) {
        if (error instanceof Interrupted) return {};
        if (!(error instanceof DeviceLostError) || losses === LOSSES) throw error;
        ui.warn("the GPU device was lost: going on from the last epoch");
      }
    }
  }

  return {
    run: ({ resume, signal, onEvent }) =>
      alone(async () => {
        if (signal.aborted) return {};
        return await run(resume && await store.size(RECIPE) !== undefined, signal, uiOf(onEvent));
      }),
    async state() {
      const finished = await store.size(`${DIR}/report.json`) !== undefined;
      return { resumable: !finished && await store.size(`${DIR}/checkpoint.safetensors`) !== undefined, finished };
    },
    async file(name) {
      const bytes = FILES.includes(name) ? await store.read(`${DIR}/${name}`) : undefined;
      if (!bytes) {
        throw new UserError(`the run has no file "${name}": expected one of ${FILES.join(", ")}, once it is done`);
      }
      return bytes;
    },
  };
}

/** Two tabs share one folder. @throws UserError where the other one has a run going */
async function alone<T>(work: () => Promise<T>): Promise<T> {
  const { locks } = navigator;
  if (!locks) return await work();
  return await locks.request(`secateur ${DIR}`, { ifAvailable: true }, async (lock) => {
    if (!lock) throw new UserError("the network is being trained in another tab: stop it there first");
    return await work();
  }) as T;
}

function forPage(recipe: Recipe): Recipe {
  return { ...recipe, stages: recipe.stages.filter(({ kind }) => !LEFT_OUT.includes(kind)) };
}

function uiOf(onEvent: (event: TrainEvent) => void): Ui {
  const started = performance.now();
  const now = () => (performance.now() - started) / 1000;
  let stage = "";
  return {
    stage(name, totalSteps) {
      stage = name;
      return {
        update(step, { loss, accuracy, text, left, stage: part = name }) {
          stage = part;
          const progress = totalSteps > 0 ? step / totalSteps : 0;
          const secondsLeft = typeof left === "number" ? left : undefined;
          onEvent({ stage, seconds: now(), progress, loss, accuracy, note: text, secondsLeft });
        },
        done: (summary) => onEvent({ stage, seconds: now(), progress: 1, note: summary }),
        abandon() {},
      };
    },
    note: (told) => onEvent({ stage, seconds: now(), progress: 1, told }),
    warn: (told) => onEvent({ stage, seconds: now(), progress: 1, told }),
  };
}

function resultOf({ baseline, final }: Report): TrainResult["report"] {
  return {
    accuracy: { dense: accuracyOf(baseline).test, pruned: accuracyOf(final).test },
    params: { dense: baseline.params, pruned: final.params },
    macs: { dense: baseline.macs, pruned: final.macs },
  };
}
