/** Which groups stay, given scores and how many: the third of score, budget and selection. */

import type { Constraint, EvenRule, Rule, RunsRule } from "./types.ts";

/** Every group, the highest score first; ties to the lower index. */
export function rankGroups(scores: ArrayLike<number>): number[] {
  return Array.from({ length: scores.length }, (_, g) => g).sort((a, b) => scores[b] - scores[a] || a - b);
}

/** The k groups of the highest score, ties to the lower index; ascending. */
export function topGroups(scores: ArrayLike<number>, k: number): number[] {
  return rankGroups(scores).slice(0, k).sort((a, b) => a - b);
}

/** The groups that a constraint keeps by these scores, ascending. */
export function keptGroups({ rule, keep }: Pick<Constraint, "rule" | "keep">, scores: ArrayLike<number>): number[] {
  if (isFixed(rule)) return keptOfRuns(rule, scores);
  return rule?.kind === "even" ? keptEvenly(rule, keep, scores) : topGroups(scores, keep);
}

/** How many groups a constraint really keeps where it is to keep so many. */
export function wholeKeep(rule: Rule | undefined, keep: number): number {
  return rule?.kind === "even" ? rule.runs * Math.max(1, Math.floor(keep / rule.runs)) : keep;
}

function keptEvenly({ runs, ...rule }: EvenRule, keep: number, scores: ArrayLike<number>): number[] {
  const length = scores.length / runs;
  const each = wholeKeep({ ...rule, runs }, keep) / runs;
  return Array.from({ length: runs }, (_, run) => {
    const own = Array.from({ length }, (_, i) => scores[run * length + i]);
    return topGroups(own, each).map((i) => run * length + i);
  }).flat();
}

/** Whether a rule says itself how many groups stay, so that no budget can. */
export function isFixed(rule: Rule | undefined): rule is RunsRule {
  return rule?.kind === "runs";
}

/** How many groups of a row stay under a rule of runs: n of each whole run, and as many of the rest of the row. */
export function keptOfRow({ n, m, length }: RunsRule): number {
  return Math.floor(length / m) * n + Math.min(n, length % m);
}

function keptOfRuns({ n, m, length }: RunsRule, scores: ArrayLike<number>): number[] {
  const kept: number[] = [];
  for (let row = 0; row < scores.length; row += length) {
    for (let first = row; first < row + length; first += m) {
      const run = Array.from({ length: Math.min(m, row + length - first) }, (_, i) => scores[first + i]);
      for (const i of topGroups(run, n)) kept.push(first + i);
    }
  }
  return kept;
}
