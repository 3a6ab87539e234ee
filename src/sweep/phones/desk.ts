/**
 * The desk that phones come to: it knows which shapes are to be timed, lends each to one session at a time, takes what the session
 * has measured, and is done with a shape once two sessions agree on it. A session is one opening of one device; a phone that works
 * alone comes back with another one. Nothing here waits or knows of a network: what is called says what time it is.
 */
import type { AdapterInfo } from "../../gpu/adapter.ts";
import { adapterName } from "../../gpu/adapter.ts";
import type { TimingJob } from "../../measure/asked/types.ts";
import { agree, AGREE_RULES, type Agreed, type AgreeRules, type Answered } from "./agree.ts";
import { ANSWER_RULES, AnswerRefused, type AnswerRules, checkAnswer, sameAdapter } from "./check_answer.ts";

export interface DeskRules extends AgreeRules, AnswerRules {
  /** A session that hasn't been heard of for so long has lost its job. */
  readonly leaseMs: number;
  /** After so many answers that were nonsense a session gets nothing more. */
  readonly faults: number;
  /** After so many answers of bad moments a shape can't be timed here. */
  readonly badMoments: number;
}

export const DESK_RULES: DeskRules = { ...AGREE_RULES, ...ANSWER_RULES, leaseMs: 20_000, faults: 3, badMoments: 12 };

/** Who asks. */
export interface PhoneSession {
  /** Drawn once for each opening of the device. */
  readonly session: string;
  /** As its owner calls the phone. */
  readonly name: string;
  readonly adapter: AdapterInfo;
}

/** What a session is told. */
export type Asked =
  | { readonly is: "job"; readonly lease: string; readonly leaseMs: number; readonly job: TimingJob }
  /** There may be something later. */
  | { readonly is: "wait" }
  /** What is left has to be asked of another session: the phone opens its device anew. */
  | { readonly is: "another session" }
  | { readonly is: "ended" };

/** What became of a shape. */
export type Settled = { readonly job: TimingJob } & ({ readonly agreed: Agreed } | { readonly failed: string });

/** How far the work is. */
export interface DeskState {
  readonly open: number;
  readonly lent: number;
  /** The device whose times are asked for: the first that came. */
  readonly device?: PhoneSession;
  /** When a session of it last said something, by the desk's clock. */
  readonly heard?: number;
  readonly ended: boolean;
}

interface Shape {
  readonly job: TimingJob;
  readonly expectedMs: number | undefined;
  readonly answers: Answered[];
  badMoments: number;
}

interface Lent {
  readonly token: string;
  readonly shape: Shape;
  readonly session: string;
  readonly since: number;
  heard: number;
}

export class Desk {
  #shapes = new Map<string, Shape>();
  #lent = new Map<string, Lent>();
  #sessions = new Map<string, PhoneSession>();
  #faults = new Map<string, number>();
  #device: PhoneSession | undefined;
  #heard: number | undefined;
  #ended = false;

  /**
   * @param settled is told of each shape once
   * @param rules may be changed for tests
   */
  constructor(readonly settled: (settled: Settled) => void, readonly rules: DeskRules = DESK_RULES) {}

  /** Puts a shape on the desk. */
  open(job: TimingJob, expectedMs?: number): void {
    if (!this.#shapes.has(job.shape)) this.#shapes.set(job.shape, { job, expectedMs, answers: [], badMoments: 0 });
  }

  /** Takes a shape away, as when another server has it now. */
  take(shape: string): void {
    this.#shapes.delete(shape);
    for (const [token, lent] of this.#lent) if (lent.shape.job.shape === shape) this.#lent.delete(token);
  }

  /** There will be no more shapes: sessions are told to go once all are settled. */
  end(): void {
    this.#ended = true;
  }

  /**
   * Lends a shape that this session hasn't timed yet. What it still had goes back: it has forgotten it.
   * @throws AnswerRefused for a session that has told too much nonsense, and for another device than the first one
   */
  ask(who: PhoneSession, now: number): Asked {
    this.#admit(who);
    this.#heard = now;
    this.#forget(now, who.session);
    if (this.#ended && this.#shapes.size === 0) return { is: "ended" };
    const wanting = [...this.#shapes.values()].filter((shape) => this.#wants(shape));
    const free = wanting.filter(({ answers }) => !answers.some(({ session }) => session === who.session));
    if (free.length === 0) return { is: wanting.length > 0 ? "another session" : "wait" };
    const shape = free.reduce((a, b) => b.answers.length < a.answers.length ? b : a);
    const lease = crypto.randomUUID();
    this.#lent.set(lease, { token: lease, shape, session: who.session, since: now, heard: now });
    return { is: "job", lease, leaseMs: this.rules.leaseMs, job: shape.job };
  }

  /** Prolongs a lease; false where it is lost: then the session stops with it. */
  renew(lease: string, now: number): boolean {
    this.#forget(now);
    const lent = this.#lent.get(lease);
    if (lent) lent.heard = this.#heard = now;
    return lent !== undefined;
  }

  /** Takes a job back that the session can't finish. */
  giveBack(lease: string): void {
    this.#lent.delete(lease);
  }

  /** The device can't do it, and says why. */
  fail(lease: string, reason: string, now: number): void {
    const { shape } = this.#held(lease, now);
    this.#lent.delete(lease);
    this.#settle(shape, { job: shape.job, failed: reason });
  }

  /**
   * Takes an answer; it counts once, or not at all.
   * @throws AnswerRefused
   */
  answer(lease: string, posted: unknown, now: number): void {
    const lent = this.#held(lease, now);
    const { shape, session, since } = lent;
    const { name, adapter } = this.#sessions.get(session)!;
    // Whatever it is, it ends the lease: what doesn't count is asked again.
    this.#lent.delete(lease);
    let times: number[];
    try {
      times = checkAnswer(
        posted,
        { job: shape.job, adapter, heldMs: now - since, expectedMs: shape.expectedMs },
        this.rules,
      );
    } catch (error) {
      if (!(error instanceof AnswerRefused)) throw error;
      this.#count(error, shape, session);
      throw new AnswerRefused(error.kind, `${name}'s answer is refused (${error.kind}): ${error.message}`);
    }
    const { clock, quantumMs } = posted as { readonly clock: string; readonly quantumMs: number };
    shape.answers.push({ session, device: name, times, clock, quantumMs });
    const agreed = agree(shape.answers, this.rules);
    if (agreed) this.#settle(shape, { job: shape.job, agreed });
  }

  state(now: number): DeskState {
    this.#forget(now);
    return {
      open: this.#shapes.size,
      lent: this.#lent.size,
      device: this.#device,
      heard: this.#heard,
      ended: this.#ended,
    };
  }

  #admit(who: PhoneSession): void {
    if ((this.#faults.get(who.session) ?? 0) >= this.rules.faults) {
      throw new AnswerRefused(
        "turned away",
        `${this.rules.faults} of this session's answers were nonsense: reload the page`,
      );
    }
    const first = this.#device ??= who;
    if (!sameAdapter(first.adapter, who.adapter) || first.name !== who.name) {
      throw new AnswerRefused(
        "turned away",
        `the times of ${first.name} (${adapterName(first.adapter)}) are asked for, and this is ${who.name} ` +
          `(${adapterName(who.adapter)}): times of two devices don't go together`,
      );
    }
    this.#sessions.set(who.session, who);
  }

  /** Whether another session may be asked now: two at first, and one more where those don't agree. */
  #wants(shape: Shape): boolean {
    const lent = [...this.#lent.values()].filter((lent) => lent.shape === shape).length;
    return shape.answers.length + lent < Math.max(this.rules.sessions, shape.answers.length + 1);
  }

  /** Ends the leases of those that are silent, and of this session. */
  #forget(now: number, session?: string): void {
    for (const [token, lent] of this.#lent) {
      if (lent.session === session || now - lent.heard >= this.rules.leaseMs) this.#lent.delete(token);
    }
  }

  #held(lease: string, now: number): Lent {
    this.#forget(now);
    const lent = this.#lent.get(lease);
    if (!lent) {
      throw new AnswerRefused(
        "no lease",
        "the lease has ended, and another session may have the job: it doesn't count",
      );
    }
    return lent;
  }

  #count({ kind, message }: AnswerRefused, shape: Shape, session: string): void {
    if (kind !== "hidden" && kind !== "changed pace" && kind !== "too coarse") {
      this.#faults.set(session, (this.#faults.get(session) ?? 0) + 1);
      return;
    }
    if (++shape.badMoments < this.rules.badMoments) return;
    this.#settle(shape, {
      job: shape.job,
      failed: `${shape.badMoments} answers don't count, the last because ${message}`,
    });
  }

  #settle(shape: Shape, settled: Settled): void {
    this.take(shape.job.shape);
    this.settled(settled);
  }
}
