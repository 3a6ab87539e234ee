import { linearPlan, zeroFit } from "../linearize/linear_plan.ts";
import { placeLayer } from "../linearize/place_layer.ts";
import { type Form, PRUNABLE_KINDS } from "../types.ts";

/** The layer makes nothing until it is fitted (linearize.ts) or trained: at first only the shortcut is left. */
export const linearForm: Form = {
  name: "linear",
  summary: "one linear layer of its merged shape, fitted to what the block computes",
  merges: false,
  kinds: PRUNABLE_KINDS,
  refuses(graph, block) {
    const plan = linearPlan(graph, block);
    return "refused" in plan ? plan.refused : undefined;
  },
  mixed(model, block) {
    const plan = linearPlan(model.graph, block);
    if ("refused" in plan) throw new Error(`block "${block.name}": ${plan.refused}`);
    return placeLayer(model, { block, plan, fit: zeroFit(plan) }, "mixed");
  },
};
