/** Training of a supernet: each step several genes of one family, their gradients added, one step of the optimizer. */
import { random } from "../../../kernels/random/philox.ts";
import { add } from "../../tensor/ops/pointwise.ts";
import type { Graph, Model } from "../../graph/types.ts";
import type { Callback, Loss } from "../../train/types.ts";
import { taughtLoss } from "../taught_loss.ts";
import type { Gene } from "../types.ts";
import { fullGene, type GeneFamily } from "./gene_family.ts";

/** How a supernet is trained. */
export interface SupernetOptions {
  readonly family: GeneFamily;
  /** The frozen network that all genes learn from. */
  readonly teacher: Model;
  /** Random genes of a step, beside the network as it was and the one with every form; default 2. */
  readonly random?: number;
  /** Of the random genes; default 0. */
  readonly seed?: number;
  /** Of a graph's outputs; default: cross-entropy and distillation, one to one. */
  readonly loss?: (graph: Graph) => Loss;
}

/** What `train` takes of a supernet, with `statistics: "first"`. */
export interface Supernet {
  /** The network as it was, which is validated, and the one with every form: together they read all parameters. */
  readonly graphs: readonly [Graph, Graph];
  /** The sum of the losses of the step's genes: the two graphs and those that were drawn. */
  readonly loss: Loss;
  /** Draws genes before each step, by its number in the training. */
  readonly callback: Callback;
}

/**
 * The sandwich rule (Yu and Huang 2019, "Universally Slimmable Networks and Improved Training Techniques"): each step trains the
 * original network, the most pruned one and random genes in which every block that has a form takes it with probability ½. Genes
 * follow from the seed and the step, so that a training that is taken up again draws the same ones.
 */
export function supernet({ family, teacher, random: count = 2, seed = 0, loss }: SupernetOptions): Supernet {
  const lossOn = loss ?? ((graph: Graph) => taughtLoss({ teacher, graph }));
  const full = fullGene(family);
  const ends = [family.graph(full.map(() => "keep")), family.graph(full)] as const;
  const rng = random(seed, "supernet genes");
  let drawn: readonly Graph[] = [];
  return {
    graphs: ends,
    loss: (step) =>
      [...ends, ...drawn].map((graph) => lossOn(graph)(step)).reduce((sum, value) => add(step.tape, sum, value)),
    callback: {
      name: "genes",
      beforeStep(step, { batches }) {
        const number = Math.round(step.epoch * batches);
        drawn = Array.from({ length: count }, (_, i) => {
          const gene: Gene = full.map((form, b) => rng.uniform(number, i * full.length + b) < 0.5 ? "keep" : form);
          return family.graph(gene);
        });
      },
    },
  };
}
