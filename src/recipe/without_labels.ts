/** What a recipe can do with images of which nobody says what they show. */
import { UserError } from "../errors.ts";
import { CRITERIA } from "../prune/criteria/criteria.ts";
import type { PruneStage, Stage, StageKind, StageOf } from "./registry.ts";
import type { Recipe } from "./schema.ts";

/** Why a stage needs labels; undefined where it doesn't. */
type NeedsLabels = { readonly [Kind in StageKind]: (stage: StageOf<Kind>) => string | undefined };

const needsLabels: NeedsLabels = {
  train: () => "learns from labels",
  admm: () => "trains with labels between its updates",
  prune: ({ until, gradual, criterion, ...stage }) => {
    if (until) return "until holds a floor of accuracy";
    if (gradual) return "gradual trains with labels";
    return CRITERIA.get(criterion)!.labels ? `the criterion ${criterion} looks at labels` : ofSteps(stage);
  },
  magnitude: (stage) => ofSteps(stage),
  random: (stage) => ofSteps(stage),
  oneshot: () => undefined,
  purify: () => "goes by the loss on validation data",
  unused: () => undefined,
  linearize: () => undefined,
  supernet: () => "learns from labels",
  search: () => "compares networks by their accuracy",
  subnet: () => "learns from labels",
  merge: () => "merges what a subnet has learnt",
  reparameterise: () => undefined,
  compact: () => undefined,
  controls: () => "are retrained with labels",
  measure: () => undefined,
};

function ofSteps({ retrain, floor }: Pick<PruneStage, "retrain" | "floor">): string | undefined {
  if (retrain) return "retrain learns from labels";
  return floor === undefined ? undefined : "floor is an accuracy";
}

/**
 * Says before anything is run which stage can't do without labels.
 *
 * @param data what the images are called
 * @throws UserError
 */
export function checkWithoutLabels({ name, stages, data: { labels } }: Recipe, data: string): void {
  const i = stages.findIndex((stage) => whyLabels(stage) !== undefined);
  if (i < 0) return;
  const [why, advice] = labels === "ignore"
    ? ["are to be taken without labels (data.labels: ignore, --no-labels)", "leave that out"]
    : ["have no labels, for none lies in a class folder", "lay them out as <class>/<image>"];
  throw new UserError(
    `recipe ${name}: stages.${i} (${stages[i].kind}) ${
      whyLabels(stages[i])
    }, and the images of ${data} ${why}: ${advice}, ` +
      "or prune by a stage that needs none, such as oneshot",
  );
}

function whyLabels<Kind extends StageKind>(stage: Stage & { readonly kind: Kind }): string | undefined {
  return needsLabels[stage.kind as Kind](stage as unknown as StageOf<Kind>);
}
