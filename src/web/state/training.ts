/** The run that trains and prunes in this browser: what it shows while it goes, and what its buttons do. */
import { signal } from "@preact/signals";
import type { TrainEvent, TrainResult } from "../messages.ts";
import { download } from "../download.ts";
import type { Left } from "../time_left.ts";
import { engine, fail } from "./app.ts";
import { type Curves, NO_CURVES, withTrainEvent } from "./training_curves.ts";

export const curves = signal<Curves>(NO_CURVES);
export const now = signal<TrainEvent | undefined>(undefined);
export const left = signal<Left | undefined>(undefined);
export const notes = signal<readonly string[]>([]);
export const training = signal(false);
export const found = signal<TrainResult["report"] | undefined>(undefined);
export const kept = signal<{ readonly resumable: boolean; readonly finished: boolean } | undefined>(undefined);

let stop: AbortController | undefined;
/** Seconds of training before this start, and in it. */
let before = 0, since = 0;

/** Is there a run from an earlier visit? */
export async function look(): Promise<void> {
  if (!training.value) await engine().call("trainState", {}).then((state) => kept.value = state, fail);
}

export async function train(resume: boolean): Promise<void> {
  if (training.value) return;
  if (!resume) {
    curves.value = NO_CURVES;
    notes.value = [];
    before = since = 0;
  }
  training.value = true;
  found.value = undefined;
  left.value = undefined;
  before += since;
  since = 0;
  stop = new AbortController();
  try {
    const { report } = await engine().call("train", { resume }, { signal: stop.signal, onEvents: take });
    found.value = report;
  } catch (error) {
    fail(error);
  } finally {
    training.value = false;
    now.value = undefined;
    await look();
  }
}

export function stopTraining(): void {
  stop?.abort();
  if (now.value) now.value = { ...now.value, note: "stopping" };
}

export async function save(name: string, type: string): Promise<void> {
  await engine().call("trainFile", { name }).then(({ bytes }) => download(name, bytes, type), fail);
}

function take(told: readonly object[]): void {
  const nowMs = performance.now();
  let next = curves.value;
  for (const event of told as readonly TrainEvent[]) {
    if (event.told) {
      notes.value = [...notes.value, event.told];
      continue;
    }
    since = event.seconds;
    next = withTrainEvent(next, event, before + since);
    now.value = event;
    left.value = event.secondsLeft === undefined ? undefined : { seconds: event.secondsLeft, atMs: nowMs };
    if (event.progress === 1 && event.note) notes.value = [...notes.value, `${event.stage}: ${event.note}`];
  }
  curves.value = next;
}
