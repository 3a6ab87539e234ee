/** Of two convolutions one goes, so that the kernel of what is left stays as small as it is. */
import type { Graph } from "../../graph/types.ts";
import { partsOf } from "../blocks/parts.ts";
import { type Step, stepsOf } from "../blocks/steps.ts";
import type { Block, Form } from "../types.ts";
import { mixTail } from "./identity.ts";
import { type MixedDraft, openDraft, strideBetween } from "./mixed_draft.ts";

const KINDS = ["basic", "convolutions"] as const;

/** The first convolution stays; what it and its norm make goes on as the branch's output. */
export const firstForm: Form = {
  name: "first",
  summary: "the second of two convolutions goes, so that the kernel stays as small as it is",
  merges: true,
  kinds: KINDS,
  refuses: (graph, block) => refusal(graph, block, ({ activation, end }) => [activation.input, end]),
  mixed: (model, block) =>
    mixed(openDraft(model), block, (draft, { activation, end, layers }) => {
      draft.mix(end, () => draft.carried(activation.input, end, `${layers[1].nodes[0].name}.pruned`));
    }),
};

/** The second convolution stays, and reads what the block reads. */
export const secondForm: Form = {
  name: "second",
  summary: "the first of two convolutions goes, so that the kernel stays as small as it is",
  merges: true,
  kinds: KINDS,
  refuses: (graph, block) => refusal(graph, block, ({ activation }) => [block.input, activation.output]),
  mixed: (model, block) =>
    mixed(openDraft(model), block, (draft, { activation, layers }) => {
      draft.mix(
        activation.output,
        () => draft.carried(block.input, activation.output, `${layers[0].nodes[0].name}.pruned`),
      );
    }),
};

interface TwoConvolutions {
  readonly layers: readonly Step[];
  /** The only one between them. */
  readonly activation: Step;
  /** What the branch makes. */
  readonly end: string;
}

function twoConvolutions(main: readonly Step[]): TwoConvolutions | undefined {
  const layers = main.filter(({ kind }) => kind === "spatial" || kind === "grouped");
  const others = main.filter(({ kind }) => kind === "pointwise" || kind === "depthwise");
  const [activation, ...more] = main.filter(({ kind }) => kind === "activation");
  if (layers.length !== 2 || others.length > 0 || !activation || more.length > 0) return undefined;
  return { layers, activation, end: main.at(-1)!.output };
}

function refusal(
  graph: Graph,
  block: Block,
  ends: (parts: TwoConvolutions) => readonly [from: string, to: string],
): string | undefined {
  const network = stepsOf(graph);
  const parts = twoConvolutions(partsOf(network, block).main);
  if (!parts) return "its convolutions aren't two that both read more than a pixel";
  const [from, to] = ends(parts).map((value) => network.shapes.get(value)!);
  return strideBetween(from, to) === undefined ? `no 1×1 convolution makes [${to}] of [${from}]` : undefined;
}

function mixed(draft: MixedDraft, block: Block, change: (draft: MixedDraft, parts: TwoConvolutions) => void) {
  const { main, final } = partsOf(draft.network, block);
  const parts = twoConvolutions(main)!;
  change(draft, parts);
  mixTail(draft, block, { final, inner: parts.activation, axis: 1 });
  return draft.rewrite();
}
