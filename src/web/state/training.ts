/** The run that trains and prunes in this browser: what it shows while it goes, and what its buttons do. */
import { signal } from "@preact/signals";
import type { TrainEvent, TrainResult } from "../messages.ts";
import { download } from "../download.ts";
import { engine, fail } from "./app.ts";

export interface Sample {
  /** Counts events of the run. */
  readonly at: number;
  readonly value: number;
}

export interface Curves {
  readonly loss: readonly Sample[];
  readonly accuracy: readonly Sample[];
  /** Where stages began. */
  readonly stages: readonly { readonly at: number; readonly name: string }[];
}

const NOTHING: Curves = { loss: [], accuracy: [], stages: [] };
/** Half of the points go when there are more: a curve of a phone's width shows no more. */
const MOST_POINTS = 600;

export const curves = signal<Curves>(NOTHING);
export const now = signal<TrainEvent | undefined>(undefined);
export const notes = signal<readonly string[]>([]);
export const training = signal(false);
export const found = signal<TrainResult["report"] | undefined>(undefined);
export const kept = signal<{ readonly resumable: boolean; readonly finished: boolean } | undefined>(undefined);

let stop: AbortController | undefined;
let events = 0;

/** Is there a run from an earlier visit? */
export async function look(): Promise<void> {
  if (!training.value) await engine().call("trainState", {}).then((state) => kept.value = state, fail);
}

export async function train(resume: boolean): Promise<void> {
  if (training.value) return;
  if (!resume) {
    curves.value = NOTHING;
    notes.value = [];
    events = 0;
  }
  training.value = true;
  found.value = undefined;
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
  let next = curves.value;
  for (const event of told as readonly TrainEvent[]) {
    next = withTrainEvent(next, event, events++);
    now.value = event;
    if (event.told) notes.value = [...notes.value, event.told];
    if (event.progress === 1 && event.note) notes.value = [...notes.value, `${event.stage}: ${event.note}`];
  }
  curves.value = next;
}

/** Pure. */
export function withTrainEvent(curves: Curves, { stage, loss, accuracy }: TrainEvent, at: number): Curves {
  const { stages } = curves;
  return {
    loss: loss === undefined ? curves.loss : thinned([...curves.loss, { at, value: loss }]),
    accuracy: accuracy === undefined ? curves.accuracy : thinned([...curves.accuracy, { at, value: accuracy }]),
    stages: stages.at(-1)?.name === stage ? stages : [...stages, { at, name: stage }],
  };
}

function thinned(samples: readonly Sample[]): readonly Sample[] {
  return samples.length <= MOST_POINTS ? samples : samples.filter((_, i) => i % 2 === 0 || i === samples.length - 1);
}
