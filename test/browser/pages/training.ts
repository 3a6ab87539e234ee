/** Runs in the page: the digits recipe on a device that is lost after a while, stopped a little later. */
import { Gpu } from "../../../src/gpu/gpu.ts";
import { indexedDbStore } from "../../../src/web/engine/store.ts";
import { createTraining } from "../../../src/web/engine/train.ts";
import type { TrainEvent } from "../../../src/web/messages.ts";

export interface Trained {
  readonly opened: number;
  /** What was told with a note. */
  readonly notes: readonly string[];
  readonly eventsAfter: number;
  readonly resumable: boolean;
  /** What a second tab is told. */
  readonly second: string;
}

/** Told events: a few in each epoch. */
const LOST_AT = 8, STOPPED_AFTER = 6;

export default async function training(): Promise<Trained> {
  let gpu: Gpu | undefined;
  let opened = 0;
  const open = async () => {
    opened++;
    return gpu = await Gpu.open();
  };
  const options = {
    base: new URL("/", location.href),
    store: indexedDbStore("training"),
    tool: "secateur 0.0.0",
    open,
  };
  const training = createTraining(options);
  const controller = new AbortController();
  const events: TrainEvent[] = [];
  const run = training.run({
    resume: false,
    signal: controller.signal,
    onEvent(event) {
      events.push(event);
      if (events.length === LOST_AT) gpu!.loseDevice();
      if (events.length === LOST_AT + STOPPED_AFTER) controller.abort();
    },
  });
  const second = await createTraining(options)
    .run({ resume: false, signal: new AbortController().signal, onEvent() {} })
    .then(() => "nothing", (error) => error.message);
  const { report } = await run;
  if (report) throw new Error("it wasn't stopped");
  const notes = events.flatMap(({ told }) => told ?? []).filter((note) => /device/.test(note));
  const { resumable } = await training.state();
  return { opened, notes, eventsAfter: events.length - LOST_AT, resumable, second };
}
