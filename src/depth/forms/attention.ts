import { partsOf } from "../blocks/parts.ts";
import { stepsOf } from "../blocks/steps.ts";
import type { Form } from "../types.ts";
import { mixIdentity, mixNorm } from "./identity.ts";
import { openDraft } from "./mixed_draft.ts";

/** Attention stays; the norm before it becomes one that the projections to queries, keys and values take in. */
export const attentionForm: Form = {
  name: "attention",
  summary: "attention keeps its layers behind a batch norm, which they take in; the MLP takes the identity form",
  merges: true,
  kinds: ["transformer"],
  refuses(graph, block) {
    const { before } = partsOf(stepsOf(graph), block);
    return before!.branches[0][0].kind === "norm" ? undefined : "no layer norm stands before its attention";
  },
  mixed(model, block) {
    const draft = openDraft(model);
    const parts = partsOf(draft.network, block);
    const [norm, next] = parts.before!.branches[0];
    mixNorm(draft, norm, next);
    mixIdentity(draft, block, parts);
    return draft.rewrite();
  },
};
