import { type BlockParts, partsOf } from "../blocks/parts.ts";
import type { Step } from "../blocks/steps.ts";
import { type Block, type Form, PRUNABLE_KINDS } from "../types.ts";
import { type MixedDraft, openDraft } from "./mixed_draft.ts";

/**
 * What an activation between a block's layers becomes. Between the two layers of an MLP no norm stands, and one is essential
 * there: it is the norm.
 */
const INNER: Readonly<Record<(typeof PRUNABLE_KINDS)[number], "nothing" | "norm">> = {
  basic: "nothing",
  bottleneck: "nothing",
  inverted: "nothing",
  convnext: "nothing",
  convolutions: "nothing",
  transformer: "norm",
  mlp: "norm",
};

/** Everything between a block's input and the sum of its branches becomes linear; what follows the sum keeps it a network. */
export const identityForm: Form = {
  name: "identity",
  summary: "activations inside become identities, norms batch norms; an activation and a batch norm follow the sum",
  merges: true,
  kinds: PRUNABLE_KINDS,
  refuses: () => undefined,
  mixed: (model, block) => {
    const draft = openDraft(model);
    mixIdentity(draft, block, partsOf(draft.network, block));
    return draft.rewrite();
  },
};

/** Mixes the steps that the identity form replaces. */
export function mixIdentity(draft: MixedDraft, block: Block, { main, final }: BlockParts): void {
  const inner = main.filter(({ kind }) => kind === "activation");
  main.forEach((step, i) => {
    if (step.kind === "norm") mixNorm(draft, step, main[i + 1]);
    if (step.kind !== "activation") return;
    draft.mix(step.output, () => innerForm(draft, block, step, axisAt(main, i)));
  });
  mixTail(draft, block, { final, inner: inner.at(-1), axis: axisAt(main, main.length) });
}

/** What the identity form of a block has in place of an activation inside. */
function innerForm(draft: MixedDraft, { kind }: Block, { input, nodes }: Step, axis: number): string {
  const { name } = nodes.at(-1)!;
  if (kind === "branches") throw new Error("branches hold no activation");
  // An identity of its own: the value that it reads may be another block's.
  return INNER[kind] === "norm"
    ? draft.batchNorm(input, axis, `${name}.pruned`)
    : draft.node("Identity", [input], {}, `${name}.pruned`);
}

/** A norm by a sample's own statistics becomes one by the batch's, where both changes of layout around it are left out. */
export function mixNorm(draft: MixedDraft, norm: Step, next: Step | undefined): void {
  const { makers, steps } = draft.network;
  const name = `${norm.nodes[0].name}.pruned`;
  const before = makers.has(norm.input) ? steps.get(norm.input) : undefined;
  const there = before?.kind === "move" ? before.perm! : undefined;
  const back = next?.kind === "move" && there?.every((axis, i) => next.perm![axis] === i) ? next : undefined;
  if (before && there && back && there[norm.axis!] === 1) {
    draft.mix(back.output, () => draft.batchNorm(before.input, 1, name));
  } else {
    draft.mix(norm.output, () => draft.batchNorm(norm.input, norm.axis!, name));
  }
}

interface Tail {
  readonly final: Step | undefined;
  /** The last activation inside, which the tail has again. */
  readonly inner: Step | undefined;
  /** Of the channels of what the block gives. */
  readonly axis: number;
}

/** Behind the sum: a batch norm after the activation that stands there, or after one like those inside. */
export function mixTail(draft: MixedDraft, { name, output }: Block, { final, inner, axis }: Tail): void {
  draft.mix(output, (kept) => {
    if (final) return draft.batchNorm(kept, axis, `${name}.tail`);
    const { params } = draft.network.graph;
    // Slopes of its own belong to other channels.
    const plain = inner?.nodes.every(({ inputs }) => inputs.every((input) => !params[input]));
    const activated = inner && plain
      ? draft.repeat(inner, kept, `${name}.tail.act`)
      : draft.node("Relu", [kept], {}, `${name}.tail.act`);
    return draft.batchNorm(activated, axis, `${name}.tail`);
  });
}

/** The axis of the channels of what a row's step at this place reads; at its end, of what the row gives. */
function axisAt(row: readonly Step[], place: number): number {
  let at: number | undefined;
  for (const [i, { axis, perm }] of row.entries()) {
    if (i >= place && at !== undefined) return at;
    at = perm && at !== undefined ? perm.indexOf(at) : axis ?? at;
  }
  return at!;
}
