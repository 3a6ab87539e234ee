/**
 * Track A, criteria: what a network is worth that lost filters by one criterion, at the same multiply-adds and after the same
 * fine-tuning for all. Layers are compared by one global threshold, and each keeps a tenth of its filters at least.
 */
import { CRITERIA } from "../../src/prune/criteria/criteria.ts";
import { SCRATCH } from "../../src/recipe/registry.ts";
import type { Cell, CellName } from "./cell.ts";
import type { Net } from "./nets.ts";
import { recipeCell } from "./recipe_cell.ts";

/** How many times fewer multiply-adds. */
const RATIOS = [2, 4, 8];
/** The control that every row is compared with: as many filters of each layer as l2 would leave, drawn by lot. */
export const SHUFFLED = "shuffled";
const UNIFORM_LOTS = "lots, the same part of each layer";

/** Criteria of the maps that layers read. */
const OF_MAPS = ["hrank", "chip"];
/** Criteria of whole filters. On a trained network snip is taylor-sum, and has no row of its own. */
const OF_FILTERS = [...CRITERIA.values()].filter(({ name }) => !["random", "snip", "synaptic-strength"].includes(name));

export function criteriaTrack(net: Net, root: string): Cell[] {
  return net.seeds.flatMap((seed) =>
    RATIOS.flatMap((ratio): Cell[] => {
      const name = (method: string): CellName => ({ net, track: "A", method, level: `${ratio}× fewer MACs`, seed });
      const pruned = (method: string, criterion: string, rule: string) =>
        recipeCell({
          ...name(method),
          epochs: net.fineTune.epochs,
          stages: [prune(net, ratio, criterion, rule), { kind: "compact" }, MEASURE],
        }, root);
      const { epochs } = net.train;
      const scratch = recipeCell({
        ...name(SCRATCH),
        epochs: epochs + net.fineTune.epochs,
        // As large as what l2 leaves; its training is the dense network's, and as long as both together.
        stages: [
          { ...prune(net, ratio, "l2", "global"), retrain: { ...net.train, epochs: 1 } },
          { kind: "compact" },
          { kind: "controls", runs: [SCRATCH], epochs: epochs + net.fineTune.epochs },
        ],
        point: ({ controls }) => controls[SCRATCH],
      }, root);
      return [
        pruned(SHUFFLED, "random", "global"),
        pruned(UNIFORM_LOTS, "random", "uniform"),
        ...OF_FILTERS.map(({ name }) => pruned(name, name, "global")),
        scratch,
      ];
    })
  );
}

const MEASURE = { kind: "measure", batches: [64], seconds: 0.2, variants: ["dense", "compact"] };

function prune(net: Net, ratio: number, criterion: string, rule: string) {
  return {
    kind: "prune",
    criterion,
    constraints: [{ kind: "filter", ...OF_MAPS.includes(criterion) && { exclude: net.withoutMaps } }],
    budget: { macs: 1 / ratio, rule, protect: 0.1 },
    retrain: net.fineTune,
  };
}
