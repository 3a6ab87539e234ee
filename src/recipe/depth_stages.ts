/** The schemas of stages that prune depth: blocks of the network become smaller ones. */
import * as v from "valibot";
import { FORM_NAMES } from "../depth/forms/forms.ts";
import type { Width } from "../depth/types.ts";
import { count, distinct, fraction, inside, positive, record, text, word } from "../validation/values.ts";
import { training } from "./training.ts";

/** How many blocks, all of them, or which by their names. */
const blocks = v.union(
  [count(1), word("all"), distinct(text())],
  "expected a number of blocks, all, or a list of names (secateur blocks tells them)",
);

const linearize = record({
  kind: v.literal("linearize"),
  /** A number takes those that linear layers stand for best, by R² on the images. */
  blocks,
  /** Training images that the layers are fitted to, spread evenly over them. Their labels aren't looked at. */
  images: v.optional(count(2), 256),
  /** Of the least squares, relative to the mean variance of what a layer reads. */
  ridge: v.optional(positive(), 1e-3),
  /** Side of a convolution's kernel at most. */
  kernel: v.optional(v.picklist([1, 3, 5], "expected 1, 3 or 5"), 3),
});

/** Training images that forms begin with, spread evenly over them: for linear layers' fits and for batch norms' statistics. */
const images = v.optional(count(2), 256);

const supernet = record({
  kind: v.literal("supernet"),
  epochs: count(1),
  /** The form that a block takes where a gene changes it; blocks that can't take it stay. */
  start: v.optional(word(...FORM_NAMES), "linear"),
  images,
  /** Genes that are drawn for each step, beside the original network and the one with every form. */
  random: v.optional(count(0), 2),
  /** Without `loss` it learns from the labels and from the network before pruning, one to one at temperature 1. */
  ...training,
});

const searchBudget = v.pipe(
  record({
    /** Fractions of what the network has. */
    params: v.optional(fraction()),
    macs: v.optional(fraction()),
    /** One run's time on the recipe's device, by its latency table at `batch`. */
    ms: v.optional(positive()),
    batch: v.optional(count(1)),
  }),
  v.check(
    ({ params, macs, ms }) => [params, macs, ms].filter((given) => given !== undefined).length === 1,
    "expected one of params, macs and ms",
  ),
  v.check(({ ms, batch }) => ms !== undefined || batch === undefined, "batch belongs to ms: leave it out"),
);

/** A block's own channels of which such a fraction stays: width 0.5. */
const width = v.pipe(
  v.string(),
  v.regex(/^width 0?\.\d+$/),
  v.transform((text): Width => `width ${Number(text.slice("width ".length))}`),
  v.check((text) => text !== "width 0"),
);

const place = v.union(
  [v.picklist([0, 1]), word("keep", ...FORM_NAMES), width],
  "expected 0, 1, keep, the name of a form, or a width such as width 0.5",
);

const search = v.pipe(
  record({
    kind: v.literal("search"),
    /** exhaustive up to 4,096 genes, else genetic. */
    method: v.optional(word("auto", "exhaustive", "genetic", "knapsack", "random"), "auto"),
    /** Blocks that are changed. */
    k: v.optional(count(0)),
    /** What the network may cost at most, merged. */
    budget: v.optional(searchBudget),
    /** What becomes of each block instead of a search: 0 or keep, 1 for the first of `forms`, or a form's name. */
    gene: v.optional(v.array(place, "expected a list with an entry for each block")),
    /** What a block may become; default: what the supernet has, or linear layers. None where only widths are searched. */
    forms: v.optional(
      v.lazy((given) => given instanceof Array && given.length === 0 ? v.tuple([]) : distinct(word(...FORM_NAMES))),
    ),
    /** Fractions of the channels that only a block knows, of which one may stay instead. */
    widths: v.optional(distinct(inside())),
    images,
  }),
  v.check(
    ({ widths, budget }) => !widths || budget !== undefined,
    "widths are chosen by what they save: give a budget beside them",
  ),
  v.check(
    ({ forms, widths }) => forms?.length !== 0 || widths !== undefined,
    "without forms there are widths to be given",
  ),
  v.check(
    ({ k, budget, gene }) => [k, budget, gene].filter((given) => given !== undefined).length === 1,
    "expected one of k, budget and gene",
  ),
);

const subnet = record({
  kind: v.literal("subnet"),
  /** 0 leaves the forms as they begin. */
  epochs: count(0),
  /** How λ goes from the blocks to their forms, over which fraction of the steps. */
  lambda: v.optional(
    record({ kind: v.optional(word("linear", "cosine"), "linear"), fraction: v.optional(fraction(), 0.5) }),
    { kind: "linear", fraction: 0.5 },
  ),
  /**
   * How merged blocks keep their borders exact. exact: values inside stay padded with zeros, and merging makes kernels or biases of
   * their own for the border. move: all padding of a block moves to its first layer before it is trained. auto: whichever
   * takes less, by the device's table where it prices both.
   */
  border: v.optional(word("exact", "move", "auto"), "exact"),
  images,
  /** Without `loss` it learns from the labels and from the network before pruning, one to one at temperature 1. */
  ...training,
});

const merge = record({
  kind: v.literal("merge"),
  /**
   * What a block's linear layers become: those that take the fewest multiply-adds, or one layer, whatever it takes. auto: one layer
   * where the device's table has both and says that it takes less time, else the fewest multiply-adds.
   */
  layers: v.optional(word("auto", "fewest", "one"), "auto"),
});

const reparameterise = record({
  kind: v.literal("reparameterise"),
  /** What linear layers in a row become: those that take the fewest multiply-adds, or one layer, whatever it takes. */
  layers: v.optional(word("fewest", "one"), "fewest"),
});

export const depthStages = { linearize, supernet, search, subnet, merge, reparameterise } as const;
