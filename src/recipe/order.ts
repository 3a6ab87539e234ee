/** What the schema of a single stage can't say about a recipe's stages in their order. */
import { DEPTH_CONTROL_NAMES, isDepthControl, UNTRAINED_CONTROLS } from "../depth/depth_controls.ts";
import { UserError } from "../errors.ts";
import { isTrained } from "../models/given.ts";
import { survivesCompaction } from "../prune/structures/structures.ts";
import { controlTraining } from "./control_training.ts";
import { controlRuns, isPruning, SCRATCH, type Stage } from "./registry.ts";
import { checkRestarts } from "./restarts.ts";
import type { Recipe } from "./schema.ts";

/** Throws UserError where a stage lacks one before it, or has one that spoils it. */
export function checkOrder({ name, stages, model, weights }: Recipe): void {
  if (stages[0].kind !== "train" && !isTrained({ model, weights })) {
    throw new UserError(
      `recipe ${name}: stages.0 is ${stages[0].kind}, expected train: what it trains is the baseline; or give the ` +
        `trained network's weights`,
    );
  }
  checkRestarts(name, stages);
  checkControls(name, stages);
  checkDepthOrder(name, stages);
  checkLosses(name, stages, isTrained({ model, weights }) ? "trained" : "untrained");
  stages.forEach((stage, i) => {
    const counted = isPruning(stage) ? stage.constraints.find(({ kind }) => !survivesCompaction(kind)) : undefined;
    const smaller = stages.slice(0, i).findIndex(compacts);
    if (counted && smaller >= 0) {
      throw new UserError(
        `recipe ${name}: stages.${i}: ${counted.kind} is counted off along the dense network's weights, and ` +
          `stages.${smaller} (${stages[smaller].kind}) makes them smaller: put it after, or set compact to false`,
      );
    }
  });
}

/** Refuses controls of something that the stages before them don't do, and those that nobody says how long to train. */
function checkControls(recipe: string, stages: readonly Stage[]): void {
  stages.forEach((stage, i) => {
    if (stage.kind !== "controls") return;
    const before = stages.slice(0, i);
    const at = `recipe ${recipe}: stages.${i}: `;
    const prunes = before.some(isPruning);
    const changesBlocks = before.some(({ kind }) => kind === "subnet" || kind === "linearize");
    if (!prunes && !changesBlocks) {
      throw new UserError(
        `${at}controls repeat the pruning before them, and there is none: put an admm, prune, linearize or subnet stage before`,
      );
    }
    const runs = controlRuns(stage, before);
    const depth = runs.find(({ method }) => isDepthControl(method));
    if (depth && (prunes || !changesBlocks)) {
      throw new UserError(
        `${at}the control ${depth.method} changes the blocks that the network has had changed, ` +
          (changesBlocks
            ? "and the stages before it prune widths as well, which it wouldn't: compare depth in a recipe of its own"
            : "and the stages before it change none: put a linearize or subnet stage before, or use a criterion"),
      );
    }
    const width = runs.find(({ method }) => method !== SCRATCH && !isDepthControl(method));
    if (width && (changesBlocks || !prunes)) {
      throw new UserError(
        `${at}the control ${width.method} keeps as many groups in each layer as the network has, and its blocks have become ` +
          `other layers: the controls of such a network are ${[...DEPTH_CONTROL_NAMES, SCRATCH].join(", ")}`,
      );
    }
    const open = before.some((stage) => stage.kind === "prune" && stage.until);
    const unsaid = runs.find(({ method, epochs }) => epochs === undefined && !UNTRAINED_CONTROLS.has(method));
    if (open && unsaid && stage.epochs === undefined) {
      throw new UserError(
        `${at}how long until has trained the network is known afterwards alone: give the controls their epochs`,
      );
    }
    if (stage.epochs !== undefined || !unsaid || controlTraining(before, "changed").epochs > 0) return;
    throw new UserError(
      `${at}controls are trained for as long as the network was, and no stage before them trains: give them epochs`,
    );
  });
}

/** What a stage of depth pruning hands to the next one is of the very network that they were made for. */
function checkDepthOrder(recipe: string, stages: readonly Stage[]): void {
  stages.forEach((stage, i) => {
    const { kind } = stage;
    const [before, after] = [stages[i - 1]?.kind, stages[i + 1]?.kind];
    if (kind === "subnet" && before !== "search") {
      throw new UserError(
        `recipe ${recipe}: stages.${i}: a subnet is trained of what a search has chosen, and the stage before it is ` +
          `${before ?? "none"}: put a search stage right before it, which may name a gene`,
      );
    }
    if (kind === "merge" && !stages.slice(0, i).some((stage) => stage.kind === "subnet")) {
      throw new UserError(
        `recipe ${recipe}: stages.${i}: merge makes layers of blocks that have taken a form, and no stage before it gives them ` +
          "one: put search and subnet before it; branches and layers in a row are for reparameterise",
      );
    }
    if (kind === "supernet" && after !== "search") {
      throw new UserError(
        `recipe ${recipe}: stages.${i}: a supernet is trained for the search after it, and the next stage is ` +
          `${after ?? "none"}: put a search stage right after it`,
      );
    }
    if (stage.kind === "search" && before === "supernet" && stage.widths) {
      throw new UserError(
        `recipe ${recipe}: stages.${i}: a supernet holds the forms of blocks and none of their widths: leave out the ` +
          "supernet, or widths",
      );
    }
    if (kind === "search" && after !== "subnet") {
      throw new UserError(
        `recipe ${recipe}: stages.${i}: a search leaves the network as it is, and the next stage is ${
          after ?? "none"
        }: ` +
          "put a subnet stage right after it; with epochs: 0 it trains nothing",
      );
    }
  });
}

/** Refuses losses with nothing to learn from, and smoothing of labels that nobody reads. */
function checkLosses(recipe: string, stages: readonly Stage[], start: "trained" | "untrained"): void {
  stages.forEach((stage, i) => {
    const own = "loss" in stage ? stage : undefined;
    for (const { loss, labelSmoothing } of [own, "retrain" in stage ? stage.retrain : undefined].filter((t) => !!t)) {
      const taught = start === "trained" || stages.slice(0, i).some(({ kind }) => kind === "train");
      if (loss && loss.kind !== "cross-entropy" && !taught) {
        throw new UserError(
          `recipe ${recipe}: stages.${i}: the loss ${loss.kind} learns from the network before pruning, and nothing has ` +
            `trained it yet: put a train stage before, or give the trained network's weights`,
        );
      }
      if (loss?.kind === "outputs" && labelSmoothing > 0) {
        throw new UserError(
          `recipe ${recipe}: stages.${i}: the loss outputs reads no labels, so labelSmoothing has no effect: leave it out`,
        );
      }
    }
  });
}

/** Whether the network may be physically smaller after the stage. */
function compacts(stage: Stage): boolean {
  if (isPruning(stage)) return stage.compact && stage.constraints.every(({ kind }) => survivesCompaction(kind));
  return stage.kind === "compact" || stage.kind === "oneshot";
}
