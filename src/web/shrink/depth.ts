/** Fewer layers: the blocks that a linear layer stands for best become one each. */
import { spread } from "../../data/splits.ts";
import { linearCandidates } from "../../depth/linearize/candidates.ts";
import { linearize, type LinearScore, mixedLayers, scoreBlocks } from "../../depth/linearize/linearize.ts";
import { type LinearPlan, linearPlan, zeroFit } from "../../depth/linearize/linear_plan.ts";
import { placeLayer } from "../../depth/linearize/place_layer.ts";
import type { Block } from "../../depth/types.ts";
import { UserError } from "../../errors.ts";
import { type Cost, graphCost } from "../../graph/cost.ts";
import type { Graph, Model } from "../../graph/types.ts";
import { costOf, type Looked, type Material, minus, partCost, type Way } from "./way.ts";

export const depth: Way = {
  parts: ({ graph }) => candidatesOf(graph).length,
  async look(material, { gpu, signal, progress }) {
    const { model, images, batch, looked } = material;
    const blocks = candidatesOf(model.graph);
    progress(0, 1);
    const scores = await scoreBlocks({ gpu, model, blocks, images: spread(images, looked), batch, signal });
    progress(1, 1);
    return lookedAt(material, blocks, scores);
  },
};

function candidatesOf(graph: Graph): readonly Block[] {
  const { blocks, costly, refused } = linearCandidates(graph);
  if (blocks.length > 0) return blocks;
  const [why] = [
    ...Array.from(costly, ([{ name }, reason]) => `${name}: ${reason}`),
    ...[...refused].map((one) => one.join(": ")),
  ];
  throw new UserError(`no block of layers that one linear layer could stand for was found${why ? ` (${why})` : ""}`);
}

interface Candidate {
  readonly block: Block;
  readonly plan: LinearPlan;
  readonly score: LinearScore;
  readonly before: Cost;
  readonly after: Cost;
}

function lookedAt(
  { model, images, batch }: Material,
  blocks: readonly Block[],
  scores: readonly LinearScore[],
): Looked {
  const { graph } = model;
  const before = graphCost(graph);
  const candidates = blocks.map((block, i): Candidate => {
    const plan = linearPlan(graph, block) as LinearPlan;
    const own = partCost(before, block.nodes);
    const saved = minus(before, graphCost(placed(graph, [{ block, plan }])));
    return { block, plan, score: scores[i], before: own, after: minus(own, saved) };
  });
  const chosen = (removed: number) => chosenFor(candidates, removed * before.macs);
  return {
    most: candidates.reduce((sum, one) => sum + one.before.macs - one.after.macs, 0) / before.macs,
    predict(removed) {
      const going = new Set(chosen(removed));
      return {
        before: costOf(before),
        after: costOf(graphCost(placed(graph, [...going]))),
        parts: candidates.map((one) => ({
          name: one.block.name,
          linear: { replaced: going.has(one), r2: one.score.r2 },
          before: one.before,
          after: going.has(one) ? one.after : one.before,
        })),
      };
    },
    async make({ gpu, signal, progress }, removed) {
      const going = chosen(removed).map(({ block }) => block);
      const options = { gpu, model, blocks: going, images, batch, signal, progress };
      const { rewrite, layers } = await linearize(options);
      return { fitted: mixedLayers(model, layers).model, small: rewrite.model, notes: [] };
    },
  };
}

/** The blocks of the highest scores that save so many multiply-adds together, or all, in the order in which they were given. */
export function chosenFor<C extends Pick<Candidate, "score" | "before" | "after">>(
  candidates: readonly C[],
  macs: number,
): readonly C[] {
  const going = new Set<C>();
  let saved = 0;
  for (const one of candidates.toSorted((a, b) => b.score.r2 - a.score.r2)) {
    if (saved >= macs) break;
    going.add(one);
    saved += one.before.macs - one.after.macs;
  }
  return candidates.filter((one) => going.has(one));
}

/** The graph with these blocks replaced, in the order of execution; no numbers are needed. */
function placed(graph: Graph, going: readonly Pick<Candidate, "block" | "plan">[]): Graph {
  const bare: Model = { graph, params: new Map() };
  return going.reduce(
    (model, { block, plan }) => placeLayer(model, { block, plan, fit: zeroFit(plan) }, "replaced").model,
    bare,
  ).graph;
}
