/**
 * Networks that a depth-pruned one is held against (docs/depth.md): the network that it was made of, and the same blocks
 * changed in simpler ways. They tell what the evolving of blocks into their forms was good for.
 */
import type { Graph } from "../graph/types.ts";
import { FORMS, refusalOf } from "./forms/forms.ts";
import { widthOf } from "./joint/narrow.ts";
import type { Block, Choice, FormName, Gene } from "./types.ts";

/** What each control is, by the name that recipes know it by. */
export const DEPTH_CONTROLS = {
  tuned: "the network before depth pruning, trained on",
  naive: "the blocks take their forms at once instead of evolving into them",
  linear: "the blocks become fitted linear layers, and nothing is trained",
  "linear-tuned": "the blocks become fitted linear layers, which are trained",
  skip: "the blocks are left out",
} as const;

export type DepthControl = keyof typeof DEPTH_CONTROLS;

export const DEPTH_CONTROL_NAMES = Object.keys(DEPTH_CONTROLS) as readonly DepthControl[];

export function isDepthControl(method: string): method is DepthControl {
  return Object.hasOwn(DEPTH_CONTROLS, method);
}

/** Those that are measured as they begin. */
export const UNTRAINED_CONTROLS: ReadonlySet<string> = new Set<DepthControl>(["linear"]);

/** What becomes of each block in a control, and of which block that can't take the control's form. */
export interface ControlGene {
  readonly gene: Gene;
  /** Blocks that keep the form that was chosen for them, with the reason as a clause. */
  readonly others: readonly { readonly block: Block; readonly reason: string }[];
}

/**
 * The gene of a control, for the blocks that `gene` changes. A block that can't take the control's form, such as one without
 * a shortcut that is to be left out, keeps its own: the control then has as many blocks changed. One that is narrower stays so
 * in all that change blocks.
 */
export function controlGene(graph: Graph, blocks: readonly Block[], gene: Gene, control: DepthControl): ControlGene {
  const form = CONTROL_FORMS[control];
  const others: { block: Block; reason: string }[] = [];
  const choices = gene.map((chosen, b): Choice => {
    if (chosen === "keep" || form === "own") return chosen;
    if (form === "keep") return "keep";
    if (widthOf(chosen) !== undefined) return chosen;
    const reason = refusalOf(graph, blocks[b], FORMS[form]);
    if (reason === undefined) return form;
    others.push({ block: blocks[b], reason });
    return chosen;
  });
  return { gene: choices, others };
}

const CONTROL_FORMS: Readonly<Record<DepthControl, "keep" | "own" | FormName>> = {
  tuned: "keep",
  naive: "own",
  linear: "linear",
  "linear-tuned": "linear",
  skip: "skip",
};
