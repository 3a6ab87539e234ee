/**
 * Whether a device's answer may count: it comes from whoever has the link. What is nonsense is refused by name; what was measured in
 * a bad moment (a hidden page, a changed pace) is asked again.
 */
import * as v from "valibot";
import type { AdapterInfo } from "../../gpu/adapter.ts";
import { adapterName } from "../../gpu/adapter.ts";
import type { TimingAnswer, TimingJob } from "../../measure/asked/types.ts";
import { median } from "../../measure/stats.ts";
import { flag, list, object, parseWith, positive, whole, within } from "../../report/schema.ts";

/** Why an answer doesn't count. Those of the second line are nobody's fault: the same session may measure it again. */
export type RefusalKind =
  | "turned away"
  | "no lease"
  | "unreadable"
  | "another shape"
  | "another adapter"
  | "impossible"
  | "far off"
  | Passing;
export type Passing = "too coarse" | "hidden" | "changed pace";

export class AnswerRefused extends Error {
  override readonly name = "AnswerRefused";
  constructor(readonly kind: RefusalKind, message: string) {
    super(message);
  }
}

export interface AnswerRules {
  /** Samples have to be so many steps of the clock long. */
  readonly fewQuanta: number;
  /** The median of the product's later half of samples over that of the earlier half, or the inverse, may be so much. */
  readonly pace: number;
  /** A time may be so many times what is expected, or as much less. */
  readonly far: number;
}

export const ANSWER_RULES: AnswerRules = { fewQuanta: 20, pace: 1.5, far: 30 };

/** What the answer is held against. */
export interface AnswerGround {
  readonly job: TimingJob;
  /** Of the session that has the lease, as it said when it came. */
  readonly adapter: AdapterInfo;
  /** The session has had the job for so long. */
  readonly heldMs: number;
  /** All timed parts together, where something tells. */
  readonly expectedMs?: number;
}

const TEXT = 400;
const text = v.pipe(v.string("a text"), v.maxLength(TEXT, `a text of at most ${TEXT} characters`));
const finite = v.pipe(positive, v.finite("a number above 0"));

export const adapterSchema = object({ vendor: text, architecture: text, description: text, fallback: flag });

/** Fewer samples say nothing of how they spread. */
const LEAST_SAMPLES = 4;
const MOST_SAMPLES = 200;
const samples = v.pipe(list(finite, MOST_SAMPLES), v.minLength(LEAST_SAMPLES, `at least ${LEAST_SAMPLES} samples`));

const answerSchema: v.GenericSchema<unknown, TimingAnswer> = object({
  shape: text,
  adapter: adapterSchema,
  clock: v.picklist(["gpu timestamps", "wall clock"], "gpu timestamps or wall clock"),
  quantumMs: within(0, 1000, "a step of a clock in ms"),
  times: list(object({ name: text, samplesMs: list(finite, MOST_SAMPLES), repeats: whole(0) }), 1000),
  paceMs: samples,
  hidden: flag,
});

/**
 * Gives the time of each part, in the job's order.
 * @throws AnswerRefused
 */
export function checkAnswer(posted: unknown, ground: AnswerGround, rules: AnswerRules = ANSWER_RULES): number[] {
  const answer = parse(posted);
  const { job, adapter, heldMs, expectedMs } = ground;
  if (answer.shape !== job.shape || answer.times.map(({ name }) => name).join("\n") !== job.timed.join("\n")) {
    throw new AnswerRefused("another shape", `it is about another shape than ${job.title}, which was asked for`);
  }
  if (!sameAdapter(answer.adapter, adapter)) {
    throw new AnswerRefused(
      "another adapter",
      `it was measured on ${adapterName(answer.adapter)}, and the session began on ${adapterName(adapter)}`,
    );
  }
  const spentMs = spentOn(answer);
  if (spentMs > heldMs) {
    throw new AnswerRefused(
      "impossible",
      `its samples add up to ${seconds(spentMs)}, and it had ${job.title} for ${seconds(heldMs)}`,
    );
  }
  const times = answer.times.map(({ samplesMs }) => samplesMs.length === 0 ? 0 : median(samplesMs));
  refuseCoarse(answer, times, rules);
  const total = sum(times);
  if (expectedMs !== undefined && timesApart(total, expectedMs) > rules.far) {
    const [said, expected] = [total, expectedMs].map((ms) => Number(ms.toPrecision(3)));
    throw new AnswerRefused("far off", `it says ${said} ms for ${job.title}, where about ${expected} ms are expected`);
  }
  if (answer.hidden) throw new AnswerRefused("hidden", "the page was hidden meanwhile");
  const change = paceChange(answer.paceMs);
  if (timesApart(change, 1) > rules.pace) {
    throw new AnswerRefused("changed pace", `the same product took ${change.toFixed(2)} times as long in the end`);
  }
  return times;
}

/** How many times the larger is the smaller. */
export function timesApart(a: number, b: number): number {
  return Math.max(a / b, b / a);
}

/** The median of the later half of the samples over that of the earlier half. */
export function paceChange(samplesMs: readonly number[]): number {
  const half = Math.floor(samplesMs.length / 2);
  return median(samplesMs.slice(-half)) / median(samplesMs.slice(0, half));
}

export function sameAdapter(a: AdapterInfo, b: AdapterInfo): boolean {
  return a.vendor === b.vendor && a.architecture === b.architecture && a.description === b.description;
}

function parse(posted: unknown): TimingAnswer {
  let answer: TimingAnswer;
  try {
    answer = parseWith(answerSchema, posted, "the answer", "reload the page");
  } catch (error) {
    throw new AnswerRefused("unreadable", (error as Error).message);
  }
  const few = answer.times.find(({ samplesMs, repeats }) =>
    repeats === 0 ? samplesMs.length > 0 : samplesMs.length < LEAST_SAMPLES
  );
  if (few) {
    const { name, samplesMs, repeats } = few;
    throw new AnswerRefused(
      "unreadable",
      `the answer has ${samplesMs.length} samples of ${
        name || "the whole"
      }, repeated ${repeats} times: expected at least ` +
        `${LEAST_SAMPLES}, or none of what is never repeated`,
    );
  }
  if (answer.times.every(({ repeats }) => repeats === 0)) {
    throw new AnswerRefused("unreadable", "the answer has no samples at all");
  }
  return answer;
}

/** What the device must have computed, all samples together. */
function spentOn({ times, paceMs }: TimingAnswer): number {
  return sum(paceMs) + sum(times.map(({ samplesMs, repeats }) => repeats * sum(samplesMs)));
}

/** Whoever measures by the protocol has repeated a run until the clock can tell it: a number that is shorter is none. */
function refuseCoarse({ times: parts, quantumMs }: TimingAnswer, times: readonly number[], rules: AnswerRules): void {
  for (const [i, { name, repeats }] of parts.entries()) {
    if (repeats === 0 || times[i] * repeats >= rules.fewQuanta * quantumMs) continue;
    throw new AnswerRefused(
      "too coarse",
      `a sample of ${name || "the whole"} was ${(times[i] * repeats).toPrecision(2)} ms long, less than ` +
        `${rules.fewQuanta} steps of its clock, ${quantumMs.toPrecision(2)} ms each`,
    );
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toPrecision(2)} s`;
}
