/**
 * Track A, criteria: what a network is worth that lost filters by one criterion, at the same multiply-adds and after the same
 * fine-tuning for all. Layers are compared by one global threshold, and each keeps a tenth of its filters at least.
 */
import { commit } from "../../src/cli/identity.ts";
import { loadDataset } from "../../src/data/deno.ts";
import { CRITERIA } from "../../src/prune/criteria/criteria.ts";
import { SENSITIVITY_DEFAULTS } from "../../src/prune/sensitivity/sensitivity_defaults.ts";
import { SCRATCH } from "../../src/recipe/registry.ts";
import { runSensitivity } from "../../src/run/measure_sensitivity.ts";
import { denoStore } from "../../src/store/deno.ts";
import { silentUi } from "../../src/ui.ts";
import type { Cell, CellName } from "./cell.ts";
import type { Net, Training } from "./nets.ts";
import { COMMAND, denseBy, denseRun, recipeCell } from "./recipe_cell.ts";

/** The control that every row is compared with: as many filters of each layer as l2 would leave, drawn by lot. */
export const SHUFFLED = "shuffled";
/** The control without scores, and without a threshold. */
export const UNIFORM_LOTS = "lots, the same part of each layer";

/** Criteria of the maps that layers read. */
const OF_MAPS = ["hrank", "chip"];
/** Criteria of whole filters. On a trained network snip is taylor-sum, and has no row of its own. */
const OF_FILTERS = [...CRITERIA.keys()].filter((name) => !["random", "snip", "synaptic-strength"].includes(name));

export function criteriaTrack(net: Net, root: string): Cell[] {
  const { criteria } = net;
  if (!criteria) return [];
  const { rows, ratios } = criteria;
  return net.seeds.flatMap((seed) =>
    ratios.flatMap((ratio): Cell[] => {
      const name = (method: string): CellName => ({ net, track: "A", method, level: `${ratio}× fewer MACs`, seed });
      const macs = 1 / ratio;
      const pruned = (method: string, criterion: string, rule: string) =>
        recipeCell({ ...name(method), ...stagesOf(net, prune(net, criterion, { macs, rule })) }, root);
      return [
        pruned(SHUFFLED, "random", "global"),
        pruned(UNIFORM_LOTS, "random", "uniform"),
        ...(rows === "all" ? OF_FILTERS : rows).map((name) => pruned(name, name, "global")),
        ...rows === "all" ? [byCurves({ ...name(BY_CURVES), macs }, root)] : [],
        // Nobody knows here how others have trained their network.
        ...net.train ? [fromScratch({ ...name(SCRATCH), macs, train: net.train }, root)] : [],
      ];
    })
  );
}

interface Scratch extends CellName {
  /** The part of the multiply-adds that stays. */
  readonly macs: number;
  readonly train: Training;
}

/** As large as what l2 leaves; its training is the dense network's, and as long as both together. */
function fromScratch({ macs, train, ...name }: Scratch, root: string): Cell {
  const { net } = name;
  const epochs = train.epochs + net.fineTune.epochs;
  return recipeCell({
    ...name,
    epochs,
    stages: [
      { ...prune(net, "l2", { macs, rule: "global" }), retrain: { ...train, epochs: 1 } },
      { kind: "compact" },
      { kind: "controls", runs: [SCRATCH], epochs },
    ],
    point: ({ controls }) => controls[SCRATCH],
  }, root);
}

/** The row whose layers keep what they lose least by; against l2 it says what that is worth. */
export const BY_CURVES = "l2, by the curves of sensitivity";

/** The curves are of the images that validate: accuracy on those that trained the network says little of what it loses. */
function byCurves({ macs, ...name }: CellName & { readonly macs: number }, root: string): Cell {
  const { net, seed } = name;
  const pruned = (sensitivity: string) => stagesOf(net, prune(net, "l2", { macs, sensitivity }));
  const part = "validation";
  return {
    ...name,
    determinedBy: { ...denseBy(net), ...pruned("curves"), curves: { ...SENSITIVITY_DEFAULTS, part }, seed },
    async compute(gpu, dir) {
      const { dir: dense, recipe } = await denseRun(gpu, net, seed, root);
      const file = `${dense}/sensitivity.json`;
      await runSensitivity({
        network: { model: { name: `${dense}/model.safetensors` } },
        loadPart: async () => {
          const { name: source, ...options } = recipe.data;
          return { part, data: (await loadDataset(source, options))[part] };
        },
        ratios: SENSITIVITY_DEFAULTS.ratios,
        labels: "use",
        out: file,
        store: denoStore(),
        ui: silentUi(),
        gpu,
        tool: "experiment",
        commit: await commit(),
        command: COMMAND,
      });
      return await recipeCell({ ...name, ...pruned(file) }, root).compute(gpu, dir);
    },
  };
}

const MEASURE = { kind: "measure", batches: [64], seconds: 0.2, variants: ["dense", "compact"] };

/** The one fine-tuning for all follows whatever has pruned. */
function stagesOf({ fineTune }: Net, pruning: Readonly<Record<string, unknown>>) {
  return { epochs: fineTune.epochs, stages: [pruning, { kind: "compact" }, MEASURE] };
}

function prune({ criteria, fineTune }: Net, criterion: string, budget: Readonly<Record<string, unknown>>) {
  return {
    kind: "prune",
    criterion,
    constraints: [{ kind: "filter", ...OF_MAPS.includes(criterion) && { exclude: criteria!.withoutMaps } }],
    budget: { ...budget, protect: 0.1 },
    retrain: fineTune,
  };
}
