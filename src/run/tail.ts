/**
 * The stages at a recipe's end that only measure and compare. The network is what it is before the first of them, so a
 * failure there costs a part of the report and no network, and they may be changed and carried out again.
 */
import { show, UserError } from "../errors.ts";
import { sha256 } from "../formats/sha256.ts";
import { mapPaths } from "../recipe/paths.ts";
import type { Stage } from "../recipe/registry.ts";
import type { Recipe } from "../recipe/schema.ts";
import { firstDifference } from "../validation/difference.ts";
import type { RunState } from "../stages/run_state.ts";

type ReportingKind = "controls" | "measure";

/** What goes when the stages of a kind are carried out anew. */
const forget: Readonly<Record<ReportingKind, (state: RunState) => void>> = {
  controls(state) {
    state.controls = {};
    // Controls count epochs too: anew, they draw as they did the first time.
    state.epoch = state.trainedEpochs ?? state.epoch;
  },
  measure(state) {
    state.latency = [];
  },
};

/** Index of the first stage from which on nothing changes the network any more. */
export function tailOf({ stages }: Pick<Recipe, "stages">): number {
  return stages.findLastIndex((stage) => !isReporting(stage)) + 1;
}

export function isReporting({ kind }: Stage): boolean {
  return Object.hasOwn(forget, kind);
}

/** What of a recipe decides the network's bits. */
export function trainedPart(recipe: Recipe): Partial<Recipe> {
  const { name: _name, description: _description, layout: _layout, ...rest } = recipe;
  return { ...rest, stages: recipe.stages.slice(0, tailOf(recipe)) };
}

/**
 * SHA-256 of `trainedPart`, in hexadecimal. The same files elsewhere are the same recipe: a run may be taken up from
 * another folder than the one it began in.
 */
export function trainingIdentity(recipe: Recipe): Promise<string> {
  const text = JSON.stringify(mapPaths(trainedPart(recipe), (path) => path.slice(path.lastIndexOf("/") + 1)));
  return sha256(new TextEncoder().encode(text));
}

/** Whether the stage has been carried out already. */
export function isReported(state: RunState, stage: Stage): boolean {
  return state.reported.includes(JSON.stringify(stage));
}

/**
 * Makes a resumed run go through its last stages again: those that failed, and those of a kind of which one was changed
 * since. Gives whether what the stage in progress has kept of itself still fits.
 */
export function reopenTail(state: RunState, recipe: Recipe): boolean {
  const first = tailOf(recipe);
  if (state.stage < first) return true;
  const asked = recipe.stages.slice(first).map((stage) => JSON.stringify(stage));
  const begun = [...state.reported, ...state.current === undefined ? [] : [state.current]];
  const changed = begun.filter((text) => !asked.includes(text)).map(kindOf);
  const failed = state.failed.filter(({ stage }) => stage >= first).map(({ kind }) => kind as ReportingKind);
  for (const kind of new Set([...changed, ...failed])) {
    forget[kind](state);
    state.reported = state.reported.filter((text) => kindOf(text) !== kind);
  }
  state.failed = state.failed.filter(({ stage }) => stage < first);
  state.stage = first;
  return state.current === undefined || !changed.includes(kindOf(state.current));
}

function kindOf(text: string): ReportingKind {
  return (JSON.parse(text) as { kind: ReportingKind }).kind;
}

/**
 * Refuses to go on with a run under a recipe that would have trained another network than the one it was begun with.
 * @param where what was made by `before`: a folder
 * @throws UserError naming the first key that differs, and those that may
 */
export function requireSameTraining(before: Recipe, after: Recipe, where: string): void {
  const difference = firstDifference(trainedPart(before), trainedPart(after));
  if (!difference) return;
  const { path, left, right } = difference;
  const tail = before.stages.slice(tailOf(before)).map(({ kind }, i) => `stages.${tailOf(before) + i} (${kind})`);
  throw new UserError(
    `${where} belongs to another recipe: ${path} is ${show(left)} there and ${
      show(right)
    } here, and the network depends ` +
      `on it; resume it without that change, or start a new run (what may change: name, description, layout, ${
        tail.length > 0 ? tail.join(", ") : "none of its stages"
      }; stages of kind measure and controls may be added at the end)`,
  );
}
