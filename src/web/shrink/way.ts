/** What every way of making a network smaller without labels has to do. */
import type { Dataset } from "../../data/types.ts";
import type { Gpu } from "../../gpu/gpu.ts";
import type { Cost, GraphCost } from "../../graph/cost.ts";
import type { Model } from "../../graph/types.ts";
import type { Prediction } from "./types.ts";

/** What a way works on. */
export interface Material {
  readonly model: Model;
  /** As the network takes them. */
  readonly images: Dataset;
  /** Images per pass. */
  readonly batch: number;
  /** Images that are looked at before anything is made; fewer for large networks, whose activations fill the memory. */
  readonly looked: number;
}

/** How a long piece of work goes on. */
export interface Going {
  readonly gpu: Gpu;
  readonly signal: AbortSignal;
  readonly progress: (done: number, total: number) => void;
}

/** A network after pruning, in two shapes that have to compute the same. */
export interface MadeSmaller {
  /** The pruned network as it was fitted: what the small one is proved against. */
  readonly fitted: Model;
  readonly small: Model;
  readonly notes: readonly string[];
}

/** All that has been found out about a network: it tells what would be left of it without looking again. */
export interface Looked {
  /** The fraction of the multiply-adds that can go at most. */
  readonly most: number;
  /** @param removed a fraction of the multiply-adds, at most `most` */
  predict(removed: number): Prediction;
  /** @throws UserError where the device doesn't hold it; Interrupted when stopped */
  make(going: Going, removed: number): Promise<MadeSmaller>;
}

export interface Way {
  /** How many parts of a network it can make smaller. @throws UserError that says why none */
  parts(model: Model): number;
  /** @throws as `make` */
  look(material: Material, going: Going): Promise<Looked>;
}

/** Nothing but the three numbers: costs cross from the worker to the page. */
export function costOf({ macs, params, bytes }: Cost): Cost {
  return { macs, params, bytes };
}

/** Of the nodes of these names, those that are left of them. */
export function partCost({ nodes }: GraphCost, names: readonly string[]): Cost {
  return names.reduce((sum, name) => plus(sum, nodes.get(name) ?? NOTHING), NOTHING);
}

function plus(a: Cost, b: Cost): Cost {
  return { macs: a.macs + b.macs, params: a.params + b.params, bytes: a.bytes + b.bytes };
}

export function minus(a: Cost, b: Cost): Cost {
  return { macs: a.macs - b.macs, params: a.params - b.params, bytes: a.bytes - b.bytes };
}

const NOTHING: Cost = { macs: 0, params: 0, bytes: 0 };
