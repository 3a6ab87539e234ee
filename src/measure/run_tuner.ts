/**
 * Keeps tuned plans within a run in its folder, so that going on with it replays them, and on the device for the next
 * run.
 */
import { UserError } from "../errors.ts";
import { sha256 } from "../formats/sha256.ts";
import type { Gpu } from "../gpu/gpu.ts";
import type { Model } from "../graph/types.ts";
import type { CountedRequest, Request } from "../tensor/ops/launch.ts";
import { joinPath } from "../store/path.ts";
import type { Store } from "../store/types.ts";
import { Interrupted } from "../train/errors.ts";
import type { Ui } from "../ui.ts";
import { emptyPlans, firstPlans, type Plans, plansCache, plansName, readPlans, writePlans } from "./plans.ts";
import { inferenceRequests, timedTrainingRequests } from "./requests.ts";
import { tune, type Tuned } from "./tune.ts";
import { measureWithin, type Pace, tuningBudget, worthTuning } from "./tune_budget.ts";
import { createTuner, type Tuner } from "./tuner.ts";

/**
 * Tunes what a stage is about to run. A `point` names the moment within the run: what was decided there once is taken
 * when the run goes on from before it.
 */
export interface RunTuner {
  /** For `steps` training steps of each of the models. */
  training(point: string, models: readonly Model[], batch: number, steps: number): Promise<void>;
  /** For the inference plans of the models, which are about to run for `workMs` together. */
  inference(point: string, models: readonly Model[], batch: number, workMs: number): Promise<void>;
  /** Marks the plans in use, for the checkpoint. */
  mark(): Promise<PlansMark>;
  /** What tuning has taken in this process. */
  seconds(): number;
}

/**
 * Says how much is measured: "full" is every kernel that is about to run, "auto" what is worth most within a tenth of
 * the time that it serves, "fixed" nothing: only plans that are there already are used.
 */
export type TuneMode = "full" | "auto" | "fixed";

/**
 * Says which plans a checkpoint was computed with: so many, and their SHA-256 in hexadecimal, or "untuned" for
 * planners' defaults.
 */
export type PlansMark = "untuned" | { readonly classes: number; readonly sha256: string };

export interface TuningOptions {
  readonly gpu: Gpu;
  readonly store: Store;
  readonly dir: string;
  readonly mode: TuneMode;
  /**
   * Devices' plans are kept in this folder between runs; null keeps them nowhere. Undefined takes planners' defaults.
   */
  readonly plansFolder: string | null | undefined;
  /** This is what the checkpoint says that the run goes on from; it is undefined where the run begins. */
  readonly saved: PlansMark | undefined;
  readonly ui: Ui;
  readonly signal: AbortSignal | undefined;
}

/**
 * Plans are in the run's folder before anything is computed with them. A resumed run goes on as it began: with those
 * plans, or with defaults.
 * @throws UserError where the plans that the checkpoint was computed with are missing or changed
 */
export async function openTuner(options: TuningOptions): Promise<RunTuner> {
  const { gpu, store, dir, mode, plansFolder, saved, ui } = options;
  const kept = `${dir}/plans.json`;
  if (plansFolder === undefined && saved !== undefined && saved !== "untuned") {
    ui.warn(`${dir} was begun with tuned plans and goes on without: its bits will be others than if it never stopped`);
  }
  if (plansFolder === undefined || saved === "untuned") {
    createTuner(gpu, emptyPlans(gpu.info));
    return { training: nothing, inference: nothing, mark: () => Promise.resolve("untuned"), seconds: () => 0 };
  }
  const shared = plansFolder === null ? undefined : plansCache(store, joinPath(plansFolder, plansName(gpu.info)), ui);
  // A file may know more than the checkpoint: what was found after that was written.
  const earlier = saved && await keptPlans(options, kept, saved);
  const known = earlier && saved ? firstPlans(earlier, saved.classes) : await shared?.read(gpu.info);
  const tuner = createTuner(gpu, known ?? emptyPlans(gpu.info));
  if (!saved) await writePlans(store, kept, tuner.plans);
  const mark = () => markOf(tuner.plans, classesOf(tuner.plans));
  if (mode === "fixed") return { training: nothing, inference: nothing, mark, seconds: () => 0 };
  const measure = measurers(options, tuner)[mode];

  let ms = 0;
  const decide = async (point: string, requests: () => Promise<Asked>) => {
    const start = performance.now();
    await decideAt(point, requests).finally(() => ms += performance.now() - start);
  };
  const decideAt = async (point: string, requests: () => Promise<Asked>) => {
    if (takeDecided(tuner, earlier, point)) return;
    const asked = await requests();
    takeFound(tuner, earlier, asked.requests);
    const found = await measure(asked);
    if (!options.signal?.aborted) tuner.take(withPoint(tuner.plans, point));
    await writePlans(store, kept, tuner.plans);
    if (found > 0) await shared?.add(tuner.plans);
    // What is not measured yet would be computed by default plans, and by others when the run goes on.
    if (options.signal?.aborted) throw new Interrupted("stopped");
  };
  return {
    training: (point, models, batch, steps) => decide(point, () => askedOfTraining(gpu, models, batch, steps)),
    inference: (point, models, batch, workMs) =>
      decide(point, () => {
        const requests = merged(models.map((model) => inferenceRequests(gpu, model, batch)));
        return Promise.resolve({ what: `inference, batch ${batch}`, requests, runMs: 0, workMs });
      }),
    mark,
    seconds: () => ms / 1000,
  };
}

/** What is about to run. */
interface Asked {
  readonly what: string;
  readonly requests: readonly CountedRequest[];
  /** What running all of the requests once takes, 0 where only their estimates are known. */
  readonly runMs: number;
  /** What running them as often as is wanted takes. */
  readonly workMs: number;
}

async function askedOfTraining(gpu: Gpu, models: readonly Model[], batch: number, steps: number): Promise<Asked> {
  const timed: Awaited<ReturnType<typeof timedTrainingRequests>>[] = [];
  for (const model of models) timed.push(await timedTrainingRequests(gpu, model, batch));
  const runMs = timed.reduce((sum, { stepMs }) => sum + stepMs, 0);
  const requests = merged(timed.map(({ requests }) => requests));
  return { what: "training", requests, runMs, workMs: steps * runMs };
}

/** All requests, one for each class. */
function merged(lists: readonly (readonly CountedRequest[])[]): CountedRequest[] {
  const all = new Map<string, CountedRequest>();
  for (const request of lists.flat()) {
    const before = all.get(request.shapeClass);
    all.set(request.shapeClass, before ? { ...before, launches: before.launches + request.launches } : request);
  }
  return [...all.values()];
}

/** Ways to measure what was asked and nobody has measured yet; they make planners use what they find, and count it. */
function measurers(
  { gpu, ui, signal }: TuningOptions,
  tuner: Tuner,
): Readonly<Record<Exclude<TuneMode, "fixed">, (asked: Asked) => Promise<number>>> {
  let savedMs = 0;
  let pace: Pace = { ways: 0, ms: 0 };
  const tell = (stage: ReturnType<Ui["stage"]> | undefined, tuned: readonly Tuned[]) => {
    const better = tuned.filter(({ winner, untuned }) => winner !== untuned).length;
    stage?.done(`${tuned.length} kernels measured, ${better} found faster`);
    tuner.learn(tuned);
    return tuned.length;
  };
  return {
    async full({ what, requests }) {
      const open = tuner.open(requests);
      if (open.length === 0) return 0;
      let stage: ReturnType<Ui["stage"]> | undefined;
      const onProgress = (done: number, total: number, text: string) => {
        stage ??= ui.stage(`tune ${what}`, total);
        stage.update(done, { text });
      };
      const tuned = await tune(gpu, open, { signal, onProgress });
      return tell(stage, tuned);
    },
    async auto({ what, requests, runMs, workMs }) {
      savedMs += tuningBudget(workMs);
      const open = new Set(tuner.open(requests).map(({ shapeClass }) => shapeClass));
      const worth = worthTuning(requests, runMs).filter(({ request }) => open.has(request.shapeClass));
      let stage: ReturnType<Ui["stage"]> | undefined;
      let done = 0;
      const start = performance.now();
      const spent = await measureWithin(worth, {
        budgetMs: savedMs,
        pace,
        now: () => performance.now(),
        signal,
        measure(request) {
          stage ??= ui.stage(`tune ${what}`, worth.length);
          stage.update(done++, { text: request.shapeClass });
          return tuner.measure(request);
        },
      });
      savedMs = Math.max(0, savedMs - (performance.now() - start));
      pace = spent.pace;
      return tell(stage, spent.found);
    },
  };
}

/** Takes the plans that the run went on with from this point, where it has been here before. */
function takeDecided(tuner: Tuner, earlier: Plans | undefined, point: string): boolean {
  const classes = earlier?.points?.[point];
  if (earlier === undefined || classes === undefined || classes < classesOf(tuner.plans)) return false;
  tuner.take(withPoint({ ...firstPlans(earlier, classes), points: tuner.plans.points }, point));
  return true;
}

/** Takes what was measured for these requests before the run was stopped amid its tuning. */
function takeFound(tuner: Tuner, earlier: Plans | undefined, requests: readonly Request[]): void {
  const found = tuner.open(requests).map(({ shapeClass }) => [shapeClass, earlier?.plans[shapeClass]] as const)
    .filter(([, plan]) => plan !== undefined);
  if (found.length === 0) return;
  tuner.take({ ...tuner.plans, plans: { ...tuner.plans.plans, ...Object.fromEntries(found) as Plans["plans"] } });
}

/** Names a point of the run: the index of its stage, and where in that stage. */
export function pointName(stage: number, phase: Readonly<Record<string, unknown>>): string {
  return `${stage} ${JSON.stringify(phase)}`;
}

function withPoint(plans: Plans, point: string): Plans {
  return { ...plans, points: { ...plans.points, [point]: classesOf(plans) } };
}

function classesOf({ plans }: Plans): number {
  return Object.keys(plans).length;
}

function nothing(): Promise<void> {
  return Promise.resolve();
}

/** Gives the run's own plans, of which the first ones are those of the checkpoint. */
async function keptPlans(
  { gpu, store }: TuningOptions,
  file: string,
  saved: Exclude<PlansMark, "untuned">,
): Promise<Plans> {
  const refuse = (why: string) =>
    new UserError(
      `${file}: ${why}, and the run's numbers depend on it: restore the file as it was, go on with default plans and ` +
        `other bits (--tune none), or start a new run`,
    );
  if (await store.size(file) === undefined) throw refuse("is missing");
  const plans = await readPlans(store, file, gpu.info, (reason) => {
    throw refuse(reason.replace(/^ignored the tuned plans in .*?: /, "can't be used: "));
  });
  const found = await markOf(plans, saved.classes);
  if (found === "untuned" || found.sha256 !== saved.sha256) throw refuse("isn't what the checkpoint was computed with");
  return plans;
}

/** Marks the first `classes` plans; new ones are added at the end. */
async function markOf({ plans }: Plans, classes: number): Promise<PlansMark> {
  const winners = Object.entries(plans).slice(0, classes).map(([shapeClass, { winner }]) => [shapeClass, winner]);
  return { classes, sha256: await sha256(new TextEncoder().encode(JSON.stringify(winners))) };
}
