/** One trial on its way through its jobs. */
import type { GivenRecipe } from "../recipe/load.ts";
import { changedRecipe } from "../recipe/load.ts";
import { checkOrder } from "../recipe/order.ts";
import type { Recipe } from "../recipe/schema.ts";
import type { PartEnd } from "../run/pipeline.ts";
import { tailOf } from "../run/tail.ts";
import { UserError } from "../errors.ts";
import { requireProduced } from "./metrics.ts";
import { type Course, nextEnd } from "./path.ts";
import type { JobResult } from "./results.ts";
import { settingsOf, type SweepFile } from "./sweep_file.ts";
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
 * @throws UserError for one that makes no recipe, and for objectives and constraints that no stage produces
 */
export function checkSweep(file: SweepFile, given: GivenRecipe): Recipe {
  const first = firstChoices(file);
  const recipe = trialRecipe(file, given, first);
  checkOrder(recipe);
  for (const [name, dimension] of Object.entries(file.space)) {
    for (const value of extremes(dimension)) {
      try {
        checkOrder(trialRecipe(file, given, { ...first, [name]: value }));
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        throw new UserError(`vary.${name}, value ${JSON.stringify(value)}: ${error.message}`);
      }
    }
  }
  requireProduced("objective", file.objectives, recipe);
  requireProduced("constraint", file.constraints, recipe);
  return recipe;
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
