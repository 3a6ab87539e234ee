/** A phone that times what a program asks for while that goes on: it waits for the first one, and for one that has fallen asleep. */
import { UserError } from "../../errors.ts";
import { memoryStore } from "../../store/memory.ts";
import { memoryQueue } from "../queue/memory.ts";
import { wait } from "../wait.ts";
import { askPhones, type Told } from "./ask_phones.ts";
import { type Desk, DESK_RULES, type DeskRules, type PhoneSession } from "./desk.ts";
import type { WorkOffer } from "./offer.ts";
import { createPhoneWorker, type PhonePayload } from "./phone_worker.ts";
import { timingResults } from "./timing_results.ts";

/** How long a phone is waited for; Infinity for ever. */
export interface Patience {
  /** Until one comes. */
  readonly firstMs: number;
  /** Until one that says nothing is asked for. */
  readonly quietMs: number;
  /** Until one that says nothing is given up. */
  readonly gone: number;
}

const MINUTE = 60_000;
export const PATIENCE: Patience = { firstMs: 10 * MINUTE, quietMs: MINUTE, gone: 10 * MINUTE };
/** For a server that is there for phones alone. */
export const ENDLESS: Patience = { firstMs: Infinity, quietMs: Infinity, gone: Infinity };

export interface LivePhoneOptions {
  /** For people: what is worked for, such as "the latency table of net.onnx". */
  readonly what: string;
  /** Told of what doesn't count, and of a phone that says nothing any more. */
  readonly warn: (text: string) => void;
  readonly patience?: Patience;
  readonly rules?: DeskRules;
  /** Milliseconds that only grow. */
  readonly now?: () => number;
}

export interface AskedTimes {
  readonly signal: AbortSignal;
  /** Also what was timed before: default false. */
  readonly again?: boolean;
  /** Told how many are done. */
  readonly progress?: (done: number, total: number) => void;
}

export interface LivePhone {
  /** What the server asks of it. */
  readonly work: { readonly desk: Desk; readonly now: () => number; readonly offer: () => WorkOffer };
  /**
   * Waits for the first phone.
   * @throws UserError where none comes
   */
  come(signal: AbortSignal): Promise<PhoneSession>;
  /**
   * What became of each job, by shape.
   * @throws UserError where the phone has gone for good
   */
  times(payloads: readonly PhonePayload[], asked: AskedTimes): Promise<ReadonlyMap<string, Told>>;
  /** Phones are told to go. */
  end(): Promise<void>;
}

const LOOK_MS = 250;

export function livePhone(options: LivePhoneOptions): LivePhone {
  const { what, warn, patience = PATIENCE, rules = DESK_RULES, now } = options;
  const queue = memoryQueue();
  let kept = timingResults(memoryStore(), "times");
  const results: typeof kept = { read: (shape) => kept.read(shape), write: (result) => kept.write(result) };
  const worker = createPhoneWorker({ queue, results, name: "server", rules, warn, ...now && { now } });
  const { desk } = worker;
  const working = new AbortController();
  const running = worker.run(working.signal);
  // Whoever asks for times is told.
  running.catch(() => {});
  let before = 0, done = 0, total = 0, ended = false;

  /** Warns of a phone that says nothing, and gives it up in the end. */
  function watch(): { readonly signal: AbortSignal; stop(): void } {
    const gone = new AbortController();
    const since = worker.now();
    let told = false;
    const timer = setInterval(() => {
      const { heard = since, device } = desk.state(worker.now());
      const silentMs = worker.now() - Math.max(heard, since);
      const name = device?.name ?? "the phone";
      if (silentMs < patience.quietMs) told = false;
      else if (silentMs >= patience.gone) {
        gone.abort(new UserError(`nothing was heard of ${name} for ${words(patience.gone)}: ${WAKE}, and start again`));
      } else if (!told) {
        told = true;
        warn(`nothing was heard of ${name} for ${words(patience.quietMs)}: ${WAKE}`);
      }
    }, LOOK_MS);
    return { signal: gone.signal, stop: () => clearInterval(timer) };
  }

  return {
    work: { desk, now: worker.now, offer: () => ({ what, done, total, ended }) },
    async come(signal) {
      for (const since = worker.now();;) {
        const { device } = desk.state(worker.now());
        if (device) return device;
        if (worker.now() - since >= patience.firstMs) {
          throw new UserError(
            `no phone has come in ${words(patience.firstMs)}: open the link on one, and press Work for this sweep`,
          );
        }
        await wait(LOOK_MS, signal);
        signal.throwIfAborted();
      }
    },
    async times(payloads, { signal, again = false, progress }) {
      if (again) kept = timingResults(memoryStore(), "times");
      const silence = watch();
      total = before + payloads.length;
      try {
        const any = AbortSignal.any([signal, silence.signal]);
        return await Promise.race([
          askPhones(payloads, {
            queue,
            results,
            signal: any,
            progress(count, all) {
              done = before + count;
              progress?.(count, all);
            },
          }),
          // Ends only where it fails.
          running.then(() => new Promise<never>(() => {})),
        ]);
      } finally {
        before = done;
        silence.stop();
      }
    },
    async end() {
      ended = true;
      desk.end();
      working.abort();
      await running;
    },
  };
}

const WAKE = "wake it, open the page again, keep it in sight and press Work for this sweep";

function words(ms: number): string {
  return ms >= MINUTE ? `${Math.round(ms / MINUTE)} min` : `${Number((ms / 1000).toPrecision(2))} s`;
}
