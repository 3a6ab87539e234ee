/** One trial on its way through its jobs. */
import type { GivenRecipe } from "../recipe/load.ts";
import { changedRecipe } from "../recipe/load.ts";
import { checkOrder } from "../recipe/order.ts";
import type { Recipe } from "../recipe/schema.ts";
import type { PartEnd } from "../run/pipeline.ts";
import { tailOf } from "../run/tail.ts";
import { UserError } from "../errors.ts";
import { requireProduced, requireReachable, someOnRungs } from "./metrics.ts";
import { type Course, firstVaried, mostEpochs, nextEnd } from "./path.ts";
import type { JobResult } from "./results.ts";
import { settingsOf, type SweepFile, variedPaths } from "./sweep_file.ts";
import { countOf, type Dimension, nthValue } from "./space.ts";
import type { Choices, Rung, Trial, Value } from "./trial.ts";

/** @throws UserError for choices that make no recipe */
export function trialRecipe(file: SweepFile, { given, where }: GivenRecipe, choices: Choices, seed?: number): Recipe {
  return changedRecipe(given, where, { set: settingsOf(file, choices), seed });
}

/** The sweep's seeds, or the recipe's own. */
export function seedsOf(file: SweepFile, given: GivenRecipe): readonly number[] {
  return file.seeds ?? [trialRecipe(file, given, firstChoices(file)).seed];
}

/**
 * Tries every value of everything that varies, and the ends of ranges, beside the first value of everything else.
 * @throws UserError for one that makes no recipe or the same as another, for objectives and constraints that no stage produces or
 * that can't be kept, and for a pruner that would never give a trial up
 */
export function checkSweep(file: SweepFile, given: GivenRecipe): Recipe {
  const first = firstChoices(file);
  const recipe = trialRecipe(file, given, first);
  checkOrder(recipe);
  const from = firstVaried(variedPaths(file));
  let epochs = mostEpochs(recipe, from);
  for (const [name, dimension] of Object.entries(file.space)) {
    const values = new Map<string, Value>();
    for (const value of new Set(extremes(dimension))) {
      const said = `vary.${name}, value ${JSON.stringify(value)}`;
      const tried = triedRecipe(file, given, { ...first, [name]: value }, said);
      const run = runOf(tried);
      const same = values.get(run);
      if (same !== undefined) {
        throw new UserError(`${said}: makes the same runs as ${JSON.stringify(same)}: leave one of them out`);
      }
      values.set(run, value);
      epochs = Math.max(epochs, mostEpochs(tried, from));
    }
  }
  requireProduced("objective", file.objectives, recipe);
  requireProduced("constraint", file.constraints, recipe);
  requireReachable(file.constraints);
  requirePruning(file, recipe, { from, epochs });
  return recipe;
}

function triedRecipe(file: SweepFile, given: GivenRecipe, choices: Choices, said: string): Recipe {
  try {
    const recipe = trialRecipe(file, given, choices);
    checkOrder(recipe);
    return recipe;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${said}: ${error.message}`);
  }
}

/** What of a recipe decides what its run does and writes: as in a job's id, names don't count. */
function runOf({ name: _name, description: _description, ...rest }: Recipe): string {
  return JSON.stringify(rest);
}

/** @throws UserError where trials are trained to their end before they are compared, or can't be compared before it */
function requirePruning({ pruner, objectives }: SweepFile, { name, stages }: Recipe, { from, epochs }: Compared): void {
  if (pruner.kind !== "asha") return;
  if (!someOnRungs(objectives)) {
    throw new UserError(
      `pruner asha: ${objectives.map(({ metric }) => metric).join(" and ")} ${
        objectives.length > 1 ? "are" : "is"
      } known at a trial's end alone, so trials couldn't be compared before: add an objective such as "max accuracy", or leave ` +
        "the pruner out",
    );
  }
  if (pruner.grace < epochs) return;
  const behind = from > 0 ? ` behind stages.${from - 1} (${stages[from - 1].kind}), where they part,` : "";
  throw new UserError(
    `pruner asha: trials are compared after ${pruner.grace} epochs (grace), and the recipe ${name} trains them for ${epochs} at ` +
      `most${behind} so none would be given up: ${
        epochs > 1 ? `give a grace below ${epochs}, or ` : ""
      }leave the pruner out`,
  );
}

interface Compared {
  /** The first stage that varies. */
  readonly from: number;
  /** Trained from there on, at most. */
  readonly epochs: number;
}

function firstChoices({ space }: SweepFile): Choices {
  return Object.fromEntries(Object.entries(space).map(([name, dimension]) => [name, extremes(dimension)[0]]));
}

function extremes(dimension: Dimension): readonly Value[] {
  if (dimension.kind === "choice") return dimension.values;
  const { from, to } = dimension;
  return [from, dimension.kind === "real" ? to : nthValue(dimension, countOf(dimension) - 1)];
}

export class TrialRun {
  /** Ids of its finished jobs, in order. */
  readonly before: string[] = [];
  #recipe: Recipe | undefined;
  #rungs: Rung[] = [];
  #at = { stage: 0, epochs: 0 };
  #shared = 0;
  #state: Trial["state"] = "waiting";
  #reason: string | undefined;

  constructor(
    readonly proposal: Pick<Trial, "id" | "choices" | "seed" | "parents">,
    recipe: Recipe | undefined,
    readonly course: Course,
  ) {
    this.#recipe = recipe;
  }

  /** Until the trial is over: of thousands of trials, recipes would be most of what is kept. */
  get recipe(): Recipe | undefined {
    return this.#recipe;
  }

  get trial(): Trial {
    const { id, choices, seed, parents } = this.proposal;
    return {
      id,
      choices,
      seed,
      ...parents && { parents },
      state: this.#state,
      ...this.#reason !== undefined && { reason: this.#reason },
      rungs: [...this.#rungs],
    };
  }

  get state(): Trial["state"] {
    return this.#state;
  }

  /** Whether it waits on a rung. */
  get isHeldBack(): boolean {
    return this.#state === "waiting" && this.#rungs.length > 0;
  }

  /** The stage that its next job begins with. */
  get stage(): number {
    return this.#at.stage;
  }

  /** Trained so far, over all stages. */
  get epochs(): number {
    return this.#at.epochs;
  }

  /** Where its next job ends. */
  next(): PartEnd {
    return nextEnd(this.recipe!, this.course, { ...this.#at, rung: this.#rungs.length, shared: this.#shared });
  }

  run(): void {
    this.#state = "running";
  }

  stop(): void {
    this.#recipe = undefined;
    this.#state = "stopped";
  }

  fail(reason: string): void {
    this.#recipe = undefined;
    this.#state = "failed";
    this.#reason = reason;
  }

  /** Takes in what the job up to `until` came to. Where that is a rung, the trial waits for a decision. */
  take(until: PartEnd, { id, stage, epochs, ended, metrics }: JobResult): void {
    this.before.push(id);
    this.#at = { stage, epochs };
    if (stage <= this.course.firstVaried) this.#shared = epochs;
    const isRung = until.epochs !== undefined && epochs >= until.epochs && stage < tailOf(this.recipe!);
    if (!ended && !isRung) return;
    this.#rungs.push({ rung: this.#rungs.length, epochs, metrics, job: id });
    this.#state = ended ? "done" : "waiting";
    if (ended) this.#recipe = undefined;
  }
}
