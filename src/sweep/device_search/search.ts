/**
 * The search for the best network within a time: generations of choices, each a network aimed at the time by what is known of the
 * device so far, scored without training, and timed by the device. What was measured corrects what is predicted for the next
 * generation. The best of those that keep the time are timed once more, and the best that keeps it again is found. It is pure but
 * for what `tools` do.
 */
import { UserError } from "../../errors.ts";
import { LEAST_CANDIDATES } from "../../one_line/asked.ts";
import { milliseconds } from "../../report/format.ts";
import type { Sampler } from "../sampler.ts";
import { nsga2Sampler } from "../samplers/nsga2.ts";
import type { Space } from "../space.ts";
import { type Choices, type Trial, trialId } from "../trial.ts";
import { aimFor, correctedMs, type Observation } from "./correction.ts";

/** A network that can be timed. */
export interface Built {
  /** By the table. */
  readonly predictedMs: number;
  /** What may change which kernels run. */
  readonly kind: string;
  /** Two networks of one key are the same. */
  readonly key: string;
}

/** How good it is before it is trained on. */
export interface Scored {
  /** On held-out images, its norms' statistics measured anew. */
  readonly accuracy: number;
  readonly loss: number;
}

/** A time, or why there is none. */
export type Timed = number | { readonly failed: string };

export interface SearchTools<Network extends Built> {
  /** Undefined where the choices leave nothing as small as that. */
  build(choices: Choices, aimMs: number): Promise<Network | undefined>;
  score(network: Network): Promise<Scored>;
  /** Times of networks on the device, in their order; absent where only a table stands for it. */
  time?(networks: readonly Expected<Network>[], when: "first" | "again"): Promise<readonly Timed[]>;
  /** Told how many candidates there have been. */
  progress?(done: number, best: number | undefined): void;
  note?(text: string): void;
}

export interface Expected<Network> {
  readonly network: Network;
  /** About so long it should take. */
  readonly expectedMs: number;
}

export interface SearchOptions {
  readonly space: Space;
  readonly limitMs: number;
  /** Networks that are looked at, beside those that a search without success adds. */
  readonly candidates: number;
  readonly seed: number;
  /** Of networks that were timed before, such as the dense one. */
  readonly known: readonly Observation[];
}

/** A network that was looked at. */
export interface Candidate<Network extends Built = Built> extends Scored {
  readonly choices: Choices;
  readonly network: Network;
  readonly predictedMs: number;
  /** Expected before it was timed. */
  readonly correctedMs: number;
  readonly measuredMs?: number;
  /** Measured once more, as one of the best. */
  readonly againMs?: number;
  /** Why the device couldn't time it. */
  readonly failed?: string;
}

export interface SearchOutcome<Network extends Built> {
  /** All that were looked at and different, in order. */
  readonly candidates: readonly Candidate<Network>[];
  /** Those that were timed once more, or would have been, the best first. */
  readonly finalists: readonly Candidate<Network>[];
  /** The best finalist that keeps the time whenever it was measured. */
  readonly found: Candidate<Network>;
  readonly observed: readonly Observation[];
  /** Choices that left nothing as small as was wanted. */
  readonly unreachable: number;
}

/** Networks that are timed in one go: a phone opens its device twice for them. */
const MOST_AT_ONCE = 12;
const FINALISTS = 3;
/** So many times as many choices as networks are tried. */
const MOST_CHOICES = 3;
/** Half of the networks that are aimed at the limit itself would miss it. */
const AIM = 0.95;
/** Rounds beyond the candidates, each of the best choices, aimed by all that was measured until then. */
const MORE_ROUNDS = 3;

/** @throws UserError where no network keeps the time, with the nearest */
export async function searchInTime<Network extends Built>(
  options: SearchOptions,
  tools: SearchTools<Network>,
): Promise<SearchOutcome<Network>> {
  const { space, limitMs, candidates: most, seed } = options;
  const size = Math.min(MOST_AT_ONCE, Math.max(LEAST_CANDIDATES, Math.round(most / 4)));
  const sampler = samplerFor(space, limitMs, size, seed);
  const observed = [...options.known];
  const trials: Trial[] = [];
  const seen = new Map<string, Candidate<Network>>();
  let unreachable = 0;

  /** One generation: built and scored, then timed in one go. */
  async function look(all: readonly Choices[]): Promise<readonly (Candidate<Network> | undefined)[]> {
    const fresh: Candidate<Network>[] = [];
    const keys: (string | undefined)[] = [];
    for (const choices of all) {
      const kind = String(choices.round);
      const network = await tools.build(choices, aimFor(observed, { wantedMs: AIM * limitMs, kind }));
      keys.push(network?.key);
      if (!network) unreachable++;
      else if (!seen.has(network.key) && !fresh.some((other) => other.network.key === network.key)) {
        const { predictedMs } = network;
        const expected = correctedMs(observed, network);
        fresh.push({ choices, network, predictedMs, correctedMs: expected, ...await tools.score(network) });
      }
      tools.progress?.(Math.min(most, seen.size + fresh.length), bestYet()?.accuracy);
    }
    const times = fresh.length > 0 ? await tools.time?.(fresh.map(expectedOf), "first") : undefined;
    fresh.forEach((candidate, i) => seen.set(candidate.network.key, withTime(candidate, times?.[i], "measuredMs")));
    for (const { network: { key } } of fresh) observe(seen.get(key)!, "measuredMs");
    return keys.map((key) => key === undefined ? undefined : seen.get(key));
  }

  function observe(
    { network: { predictedMs, kind }, ...times }: Candidate<Network>,
    when: "measuredMs" | "againMs",
  ): void {
    const measuredMs = times[when];
    if (measuredMs !== undefined) observed.push({ predictedMs, measuredMs, kind });
  }

  const bestYet = () => ranked([...seen.values()], limitMs).at(0);

  // Different choices may come to one network.
  while (seen.size < most && trials.length < MOST_CHOICES * most && !sampler.exhausted(trials)) {
    const proposals = sampler.ask(trials, Math.min(most - seen.size, size - trials.length % size));
    if (proposals.length === 0) break;
    const looked = await look(proposals.map(({ choices }) => choices));
    proposals.forEach((proposal, i) => trials.push(trialOf(proposal, trials.length, looked[i])));
  }
  for (let more = 0;;) {
    const best = ranked([...seen.values()], limitMs).slice(0, FINALISTS);
    if (best.length > 0) {
      const untimed = best.filter(({ againMs }) => againMs === undefined);
      const times = untimed.length > 0 ? await tools.time?.(untimed.map(expectedOf), "again") : undefined;
      untimed.forEach((candidate, i) => seen.set(candidate.network.key, withTime(candidate, times?.[i], "againMs")));
      if (times) { for (const { network: { key } } of untimed) observe(seen.get(key)!, "againMs"); }
      const timed = best.map(({ network: { key } }) => seen.get(key)!);
      const [found] = ranked(timed, limitMs);
      if (found) return { candidates: [...seen.values()], finalists: finalistsOf(timed), found, observed, unreachable };
      // Those that have missed it the second time are out: the next best are asked.
      continue;
    }
    const all = [...seen.values()];
    if (more++ === MORE_ROUNDS || all.length === 0) throw nothingFound(options, all);
    tools.note?.(
      `none of ${all.length} networks keeps ${milliseconds(limitMs)} ms yet: the best choices are aimed anew`,
    );
    await look(all.toSorted(better).slice(0, size).map(({ choices }) => choices));
    if (seen.size === all.length) throw nothingFound(options, all);
  }

  /** All that were timed again, also those that missed the limit then; where nothing times them, those that would have been. */
  function finalistsOf(last: readonly Candidate<Network>[]): readonly Candidate<Network>[] {
    const timed = [...seen.values()].filter(({ againMs }) => againMs !== undefined);
    return (timed.length > 0 ? timed : [...last]).toSorted(better);
  }
}

/** Networks that keep the limit whenever they were measured, the best first. */
function ranked<Network extends Built>(all: readonly Candidate<Network>[], limitMs: number): Candidate<Network>[] {
  return all.filter((candidate) => candidate.failed === undefined && slowest(candidate) <= limitMs).sort(better);
}

function slowest({ correctedMs, measuredMs, againMs }: Candidate): number {
  return measuredMs === undefined ? correctedMs : Math.max(measuredMs, againMs ?? 0);
}

/** Of equals in accuracy the one of less loss. */
function better(a: Scored, b: Scored): number {
  return b.accuracy - a.accuracy || a.loss - b.loss;
}

function expectedOf<Network extends Built>(candidate: Candidate<Network>): Expected<Network> {
  return { network: candidate.network, expectedMs: candidate.measuredMs ?? candidate.correctedMs };
}

function withTime<Network extends Built>(
  candidate: Candidate<Network>,
  timed: Timed | undefined,
  when: "measuredMs" | "againMs",
): Candidate<Network> {
  if (timed === undefined) return candidate;
  return typeof timed === "number" ? { ...candidate, [when]: timed } : { ...candidate, failed: timed.failed };
}

/** NSGA-II over accuracy and time: what keeps the limit counts before what doesn't. */
function samplerFor(space: Space, limitMs: number, population: number, seed: number): Sampler {
  return nsga2Sampler({
    space,
    seeds: [1],
    draw: seed,
    population,
    objectives: [{ metric: "accuracy", direction: "max" }, { metric: "ms", direction: "min" }],
    constraints: [{ metric: "ms", relation: "<=", value: limitMs }],
  });
}

function trialOf(
  proposal: { readonly choices: Choices; readonly seed: number; readonly parents?: readonly string[] },
  index: number,
  candidate: Candidate | undefined,
): Trial {
  const base = { ...proposal, id: trialId(index) };
  if (!candidate || candidate.failed !== undefined) return { ...base, rungs: [], state: "failed" };
  const metrics = { accuracy: candidate.accuracy, ms: slowest(candidate) };
  return { ...base, rungs: [{ rung: 0, epochs: 0, metrics, job: "" }], state: "done" };
}

function nothingFound({ limitMs }: SearchOptions, all: readonly Candidate[]): UserError {
  const asked = `${milliseconds(limitMs)} ms`;
  const timed = all.filter(({ failed }) => failed === undefined);
  const [failed] = all.filter(({ failed }) => failed !== undefined);
  if (timed.length === 0) {
    return new UserError(
      failed
        ? `the device couldn't time any of ${all.length} networks: ${failed.failed}`
        : `none of the choices leaves a network of ${asked}: ask for more time, or exclude fewer layers`,
    );
  }
  const nearest = Math.min(...timed.map(slowest));
  return new UserError(
    `none of ${all.length} networks keeps ${asked}: the nearest takes ${
      milliseconds(nearest)
    } ms: ask for more time, or ` +
      "search longer with a larger --search",
  );
}
