/** The genes that a search may choose among: what each block may become, what a gene costs, and which genes are allowed. */
import { show, UserError } from "../../errors.ts";
import type { Choice, Gene } from "../types.ts";

/** What a gene costs: a number for each block and choice, which add up, or a function of the whole gene. */
export type GeneCost = AdditiveCost | ((gene: Gene) => number);

/** A cost that adds up over the blocks. */
export interface AdditiveCost {
  /** Of everything outside the blocks. */
  readonly rest: number;
  /** Of each block and each of its choices, in the order of `GeneSpace.choices`. */
  readonly blocks: readonly (readonly number[])[];
}

/** What a cost counts. */
export type CostUnit = "macs" | "params" | "ms";

/** The genes of a network. */
export interface GeneSpace {
  /** Names of the blocks, for messages. */
  readonly blocks: readonly string[];
  /** What each block may become; the first choice is "keep", and that of a block without any form is the only one. */
  readonly choices: readonly (readonly Choice[])[];
  /** Why a block can't take some forms that others may, as clauses, by their names; default: nothing is said. */
  readonly refused?: readonly ReadonlyMap<Choice, string>[];
  /** What genes are compared by beside their value. */
  readonly cost: GeneCost;
  /** What `cost` counts. */
  readonly unit: CostUnit;
}

/** Which genes are allowed: those that change exactly `k` blocks, or those that cost at most `limit`. */
export type GeneConstraint =
  | { readonly kind: "count"; readonly k: number }
  | {
    readonly kind: "budget";
    readonly limit: number;
    /** What the limit was asked for as a fraction of, for messages. */
    readonly whole?: number;
  };

const UNITS: Readonly<Record<CostUnit, string>> = { macs: "MACs", params: "parameters", ms: "ms" };

/** The name of a gene in a memo. */
export function keyOf(gene: Gene): string {
  return gene.join();
}

/** In the space's unit; parts are added in the order of the blocks. */
export function costOf(space: GeneSpace, gene: Gene): number {
  const { cost, choices } = space;
  if (typeof cost === "function") return cost(gene);
  return gene.reduce((sum, choice, b) => sum + cost.blocks[b][choices[b].indexOf(choice)], cost.rest);
}

/** Blocks that are not kept. */
export function changedBlocks(gene: Gene): number {
  return gene.filter((choice) => choice !== "keep").length;
}

/** Whether the constraint allows the gene. */
export function isAllowed(space: GeneSpace, constraint: GeneConstraint, gene: Gene): boolean {
  return constraint.kind === "count" ? changedBlocks(gene) === constraint.k : costOf(space, gene) <= constraint.limit;
}

/** @throws UserError where the gene isn't one of this space */
export function checkGene({ blocks, choices, refused }: GeneSpace, gene: Gene): void {
  if (gene.length !== blocks.length) {
    throw new UserError(
      `the gene has ${counted(gene.length, "entry", "entries")}, and the network has ` +
        `${counted(blocks.length, "block", "blocks")}: give one entry for each, in the order ${blocks.join(", ")}`,
    );
  }
  gene.forEach((choice, b) => {
    if (choices[b].includes(choice)) return;
    const reason = refused?.[b].get(choice);
    const why = reason === undefined ? "" : `${reason}; `;
    throw new UserError(`block ${blocks[b]} can't become ${show(choice)}: ${why}expected ${choices[b].join(", ")}`);
  });
}

/** @throws UserError where no gene is allowed, with the numbers that it would take */
export function checkConstraint(space: GeneSpace, constraint: GeneConstraint): void {
  if (constraint.kind === "count") {
    const { k } = constraint;
    const prunable = space.blocks.filter((_, b) => space.choices[b].length > 1);
    if (!(Number.isInteger(k) && k >= 0)) throw new UserError(`k is ${show(k)}, expected a whole number of blocks`);
    if (k > prunable.length) {
      throw new UserError(
        `k is ${k}, and of the network's ${
          counted(space.blocks.length, "block", "blocks")
        } ${prunable.length} can take ` +
          `a form${prunable.length > 0 ? ` (${prunable.join(", ")})` : ""}: give at most ${prunable.length}`,
      );
    }
    return;
  }
  const { limit, whole } = constraint;
  const unit = UNITS[space.unit];
  if (!(limit > 0)) throw new UserError(`a budget of ${show(limit)} ${unit}: expected a number above 0`);
  const least = costOf(space, cheapestGene(space));
  if (least > limit) {
    const dense = costOf(space, space.blocks.map(() => "keep"));
    if (whole !== undefined) {
      throw new UserError(
        `a budget of ${
          amount(limit / whole)
        } of the ${unit} can't be met: with every block in its cheapest form the network ` +
          `has ${amount(least)} of ${amount(whole)} ${unit}: give at least ${roundedUp(least / whole)}`,
      );
    }
    throw new UserError(
      `a budget of ${amount(limit)} ${unit} can't be met: with every block in its cheapest form the network has ` +
        `${amount(least)} ${unit}, unchanged ${amount(dense)}: give at least ${amount(least)}`,
    );
  }
}

/**
 * The gene that costs least. Of a cost that is a function of the whole gene it is one that no change of a single block
 * makes cheaper.
 */
export function cheapestGene(space: GeneSpace): Gene {
  let gene: Gene = space.blocks.map(() => "keep");
  let cost = costOf(space, gene);
  for (let before = Infinity; cost < before;) {
    before = cost;
    for (const changed of neighbours(space, gene)) {
      const other = costOf(space, changed);
      if (other < cost) [gene, cost] = [changed, other];
    }
  }
  return gene;
}

/** Every gene in which one block has become something else. */
export function neighbours({ choices }: GeneSpace, gene: Gene): Gene[] {
  return choices.flatMap((own, b) =>
    own.filter((choice) => choice !== gene[b]).map((choice) => gene.with(b, choice) as Gene)
  );
}

/**
 * How many genes an exhaustive search would go through: those that change k blocks; of a budget all, since whether one
 * meets it is known only when it has been looked at.
 */
export function spaceSize({ choices }: GeneSpace, constraint: GeneConstraint): number {
  if (constraint.kind === "budget") return choices.reduce((product, own) => product * own.length, 1);
  // Coefficient k of Π (1 + forms·x).
  const counts = new Array(constraint.k + 1).fill(0);
  counts[0] = 1;
  for (const own of choices) {
    for (let k = constraint.k; k > 0; k--) counts[k] += counts[k - 1] * (own.length - 1);
  }
  return counts[constraint.k];
}

function counted(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** A fraction to four decimals that is no less. */
function roundedUp(fraction: number): number {
  return Math.ceil(fraction * 1e4) / 1e4;
}

/** Whole numbers as they are, others to four digits. */
function amount(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}
