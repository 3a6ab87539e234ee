import { sameShape } from "../../graph/shapes.ts";
import { partsOf } from "../blocks/parts.ts";
import { stepsOf } from "../blocks/steps.ts";
import { type Form, PRUNABLE_KINDS } from "../types.ts";
import { openDraft } from "./mixed_draft.ts";

/** The block's layers go; its shortcut, and the activation at its end, stay. */
export const skipForm: Form = {
  name: "skip",
  summary: "nothing is left but the shortcut",
  merges: false,
  kinds: PRUNABLE_KINDS,
  refuses(graph, block) {
    const network = stepsOf(graph);
    if (partsOf(network, block).shortcut) return undefined;
    const [x, y] = [block.input, block.output].map((value) => network.shapes.get(value)!);
    return sameShape(x, y) ? undefined : "it has no shortcut, and gives another shape than it reads";
  },
  mixed(model, block) {
    const draft = openDraft(model);
    const { before, shortcut, final } = partsOf(draft.network, block);
    draft.mix(block.output, () => {
      // Both shortcuts of a transformer's block hand its input on.
      const value = (before ? undefined : shortcut?.at(-1)?.output) ?? block.input;
      const name = `${block.name}.skip`;
      return final ? draft.repeat(final, value, name) : draft.node("Identity", [value], {}, name);
    });
    return draft.rewrite();
  },
};
