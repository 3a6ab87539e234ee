/** When the times of several sessions may count, and as what. Pure. */
import { median } from "../../measure/stats.ts";
import { timesApart } from "./check_answer.ts";

/** What a session has measured: the time of each part of a job. */
export interface Answered {
  readonly session: string;
  /** As people call the device. */
  readonly device: string;
  readonly times: readonly number[];
  readonly clock: string;
  readonly quantumMs: number;
}

export interface AgreeRules {
  /** So many sessions have to agree. */
  readonly sessions: number;
  /** They agree where the largest sum of their times is at most so many times the least. */
  readonly apart: number;
  /** Where so many don't, the median of all of them counts, and is in doubt. */
  readonly most: number;
}

export const AGREE_RULES: AgreeRules = { sessions: 2, apart: 1.3, most: 5 };

/** What counts. */
export interface Agreed {
  /** Of each part, the median over the sessions that count. */
  readonly times: readonly number[];
  readonly counted: readonly Answered[];
  /** Sessions that said something else than those that agree. */
  readonly outvoted: readonly Answered[];
  readonly doubt?: string;
}

/**
 * Undefined where another session has to be asked. Of several groups that agree the largest counts, then the fastest: whatever else a
 * device does only adds to a time.
 */
export function agree(answers: readonly Answered[], rules: AgreeRules = AGREE_RULES): Agreed | undefined {
  const sorted = answers.toSorted((a, b) => total(a) - total(b));
  const groups = sorted.map((first, i) =>
    sorted.slice(i).filter((other) => timesApart(total(first), total(other)) <= rules.apart)
  );
  const best = groups.reduce((a, b) => b.length > a.length ? b : a, []);
  if (best.length >= rules.sessions) {
    return { times: medians(best), counted: best, outvoted: sorted.filter((answer) => !best.includes(answer)) };
  }
  if (answers.length < rules.most) return undefined;
  const [least, most] = [sorted[0], sorted.at(-1)!].map((answer) => Number(total(answer).toPrecision(3)));
  return {
    times: medians(sorted),
    counted: sorted,
    outvoted: [],
    doubt: `${answers.length} sessions don't agree: ${least} to ${most} ms`,
  };
}

function total({ times }: Answered): number {
  return times.reduce((sum, ms) => sum + ms, 0);
}

function medians(answers: readonly Answered[]): number[] {
  return answers[0].times.map((_, i) => median(answers.map(({ times }) => times[i])));
}
