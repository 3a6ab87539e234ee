/** Does one job: a part of a run, from an earlier job's checkpoint to its own, in a folder of its own. */
import { UserError } from "../errors.ts";
import { loadCheckpoint, tensorsDigest } from "../formats/checkpoint.ts";
import { sha256 } from "../formats/sha256.ts";
import { DeviceLostError, NoAdapterError } from "../gpu/errors.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { type RunOptions, type RunPart, runPart } from "../run/pipeline.ts";
import type { Store } from "../store/types.ts";
import { Interrupted } from "../train/errors.ts";
import type { Ui } from "../ui.ts";
import { isOfSweep } from "./data_mark.ts";
import type { JobPayload } from "./job.ts";
import { withFiles } from "./keep_file.ts";
import { finalMetrics, metricsOf, TIMES } from "./metrics.ts";
import type { Job } from "./queue/queue.ts";
import type { JobResult, Results } from "./results.ts";
import type { Metrics } from "./trial.ts";
import type { Outcome } from "./worker.ts";

/** What a job is done with. */
export interface JobMachine {
  readonly store: Store;
  readonly results: Results;
  /** Jobs have their folders in here. */
  readonly work: string;
  /** Of the worker, for the record. */
  readonly worker: string;
  /** Of files that recipes name, by their SHA-256: most jobs of a sweep name the same. */
  readonly contents: Map<string, Uint8Array<ArrayBuffer>>;
  /** The device that all jobs of this process are done on. */
  gpu(): Promise<Gpu>;
  /** Opens another one for the next job. */
  dropGpu(): void;
  loadData(payload: JobPayload): RunOptions["loadData"];
  /** The folder of the plans with this SHA-256, for "default" undefined; what `results` throw goes through. */
  plansFolder(plans: string, results: Results): Promise<string | undefined>;
  /** @throws UserError where another process works there */
  lockFolder(dir: string): Promise<AsyncDisposable>;
  removeFolder(dir: string): Promise<void>;
}

/** What a job takes over from the one before it; what else lies in a run's folder follows from the recipe. The checkpoint comes last. */
const CARRIED = ["log.jsonl", "plans.json", "checkpoint.safetensors"] as const;
const CHECKPOINT = CARRIED[2];

export async function doJob(
  job: Job,
  machine: JobMachine,
  { progress, signal }: { progress(text: string): void; readonly signal: AbortSignal },
): Promise<Outcome> {
  const started = performance.now();
  const { store, results, lockFolder, own: ofMachine, failed } = guarded(machine);
  try {
    const { dir, lock } = await ownFolder({ ...machine, lockFolder }, job.id);
    await using _ = lock;
    const payload = job.payload as JobPayload;
    const own = { ...machine, store: withFiles(payload.files, { ...machine, store, results }), results };
    await takeUp(own, dir, payload);
    const { recipe, until, identity: { tool, commit } } = payload;
    const load = machine.loadData(payload);
    const plansFolder = await machine.plansFolder(payload.plans, results);
    const part = await runPart({
      recipe,
      until,
      dir,
      store: own.store,
      resume: true,
      adopt: true,
      signal,
      ui: progressUi(progress),
      gpu: await machine.gpu(),
      ...plansFolder === undefined ? { tune: "none" } : { tune: "fixed", plansFolder },
      tool,
      commit,
      command: "secateur sweep",
      loadData: (request, ui) => isOfSweep(payload.data, request) ? ofMachine(load(request, ui)) : load(request, ui),
    });
    const seconds = (performance.now() - started) / 1000;
    const difference = await results.write(await resultOf(job.id, payload, part, own, dir, seconds));
    await machine.removeFolder(dir);
    const warning = difference &&
      `done twice, and ${difference.what} came out as ${
        difference.values.map((value) => value.slice(0, 12)).join(" and ")
      }`;
    return { is: "done", seconds, ...warning && { warning } };
  } catch (error) {
    if (error instanceof Interrupted) return { is: "stopped" };
    const reason = error instanceof Error ? error.message : String(error);
    if (failed.has(error) || error instanceof NoAdapterError) return { is: "unable", reason };
    machine.dropGpu();
    if (error instanceof UserError && !(error instanceof DeviceLostError)) {
      return { is: "failed", failure: { kind: "final", reason } };
    }
    return { is: "failed", failure: { kind: "error", reason } };
  }
}

/** A folder that nobody else works in: the job's own, where an earlier attempt may have left a checkpoint, or a new one. */
async function ownFolder(
  { work, lockFolder }: JobMachine,
  id: string,
): Promise<{ dir: string; lock: AsyncDisposable }> {
  const dir = `${work}/${id.slice(0, 16)}`;
  try {
    return { dir, lock: await lockFolder(dir) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const other = `${dir}-${crypto.randomUUID().slice(0, 8)}`;
    return { dir: other, lock: await lockFolder(other) };
  }
}

/** Brings the files of the last earlier job whose result is there, unless an earlier attempt has come further. */
async function takeUp({ store, results }: JobMachine, dir: string, { before }: JobPayload): Promise<void> {
  if (await store.size(`${dir}/${CHECKPOINT}`) !== undefined) return;
  for (const id of [...before].reverse()) {
    const result = await results.read(id);
    if (!result) continue;
    const names = CARRIED.filter((name) => result.files[name] !== undefined);
    const contents = await Promise.all(names.map((name) => results.get(result.files[name])));
    if (contents.some((bytes) => bytes === undefined)) continue;
    for (const [i, name] of names.entries()) await store.write(`${dir}/${name}`, contents[i]!);
    return;
  }
}

async function resultOf(
  id: string,
  { label, until }: JobPayload,
  part: RunPart,
  { store, results, worker }: JobMachine,
  dir: string,
  seconds: number,
): Promise<JobResult> {
  const paused = until.epochs !== undefined && part.stage < until.stage;
  const metrics = part.report ? finalMetrics(part.report) : await metricsUnderway(part, store, dir, paused);
  const checkpoint = await loadCheckpoint(store, `${dir}/${CHECKPOINT}`);
  if (!checkpoint) throw new Error(`${dir}: the job has left no checkpoint`);
  const counted = Object.entries(metrics).filter(([name]) => !(TIMES as readonly string[]).includes(name));
  const told = JSON.stringify([await tensorsDigest(checkpoint), counted]);
  const files: Record<string, string> = {};
  for (const path of await store.list(dir)) {
    const name = path.slice(path.indexOf(dir) + dir.length + 1);
    files[name] = await results.put((await store.read(path))!);
  }
  const compact = part.report?.latency.find(({ variant, medianMs }) =>
    variant === "compact" && medianMs === metrics.ms
  );
  return {
    version: 1,
    id,
    label,
    stage: part.stage,
    epochs: part.epochs,
    ended: part.report !== undefined,
    metrics,
    bits: await sha256(new TextEncoder().encode(told)),
    spread: compact ? { ms: compact.madMs } : {},
    files,
    seconds,
    worker,
  };
}

/** Of a run that isn't at its end. Within a training the network was last measured before it; its accuracy stands in the log. */
async function metricsUnderway({ point }: RunPart, store: Store, dir: string, paused: boolean): Promise<Metrics> {
  const { testAccuracy, ...measured } = point ? metricsOf(point) : {} as Record<string, number>;
  if (!paused) return testAccuracy === undefined ? measured : { ...measured, testAccuracy };
  const log = new TextDecoder().decode(await store.read(`${dir}/log.jsonl`) ?? new Uint8Array());
  const epochs = log.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  const accuracy = epochs.findLast(({ validationAccuracy, epoch }) =>
    validationAccuracy !== undefined && epoch !== undefined
  )
    ?.validationAccuracy;
  return accuracy === undefined ? measured : { ...measured, accuracy };
}

/** Store, results and folders that remember which errors were their own: those of the machine, and not of the job. */
function guarded({ store, results, lockFolder }: JobMachine): Guarded {
  const failed = new Set<unknown>();
  const own = async <T>(action: Promise<T>): Promise<T> => {
    try {
      return await action;
    } catch (error) {
      failed.add(error);
      throw error;
    }
  };
  return {
    failed,
    own,
    lockFolder: (dir) => own(lockFolder(dir)),
    store: {
      ...store,
      write: (path, bytes) => own(store.write(path, bytes)),
      append: (path, text) => own(store.append(path, text)),
      truncate: (path, bytes) => own(store.truncate(path, bytes)),
      remove: (path) => own(store.remove(path)),
    },
    results: {
      read: (id) => own(results.read(id)),
      get: (hash) => own(results.get(hash)),
      put: (bytes) => own(results.put(bytes)),
      write: (result) => own(results.write(result)),
    },
  };
}

interface Guarded extends Pick<JobMachine, "store" | "results" | "lockFolder"> {
  /** Remembers what the promise is rejected with. */
  own<T>(action: Promise<T>): Promise<T>;
  readonly failed: ReadonlySet<unknown>;
}

function progressUi(progress: (text: string) => void): Ui {
  return {
    stage: (name, total) => ({
      update: (step, { text, accuracy }) => {
        const share = total > 0 ? `${Math.floor(100 * step / total)} %` : "";
        const told = accuracy === undefined ? "" : `accuracy ${(100 * accuracy).toFixed(1)} %`;
        progress([name, share, text, told].filter(Boolean).join("  "));
      },
      done() {},
      abandon() {},
    }),
    note() {},
    warn() {},
  };
}
