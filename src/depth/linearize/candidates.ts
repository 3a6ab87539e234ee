/** Which blocks are worth a linear layer, and which of them become one. */
import { show, UserError } from "../../errors.ts";
import type { Graph } from "../../graph/types.ts";
import { findBlocks } from "../blocks/find_blocks.ts";
import type { Block } from "../types.ts";
import { linearPlan, type LinearPlanOptions } from "./linear_plan.ts";
import { replacedMacs } from "./replaced_macs.ts";

/** Blocks that may become linear layers, and why others don't. */
export interface LinearCandidates {
  /** In order of execution: a layer can stand for them, and multiplies less than they do. */
  readonly blocks: readonly Block[];
  /** Blocks that become one only where they are named, for their layers save nothing, as a clause. */
  readonly costly: ReadonlyMap<Block, string>;
  /** Names of those that can't, with the reason as a clause. */
  readonly refused: ReadonlyMap<string, string>;
}

export function linearCandidates(graph: Graph, options: LinearPlanOptions = {}): LinearCandidates {
  const found = findBlocks(graph);
  const refused = new Map(found.refused.map(({ name, reason }) => [name, reason]));
  const costly = new Map<Block, string>();
  const blocks = found.blocks.filter((block) => {
    const plan = linearPlan(graph, block, options);
    if ("refused" in plan) {
      refused.set(block.name, plan.refused);
      return false;
    }
    const { before, after } = replacedMacs(graph, block, plan);
    if (after < before) return true;
    costly.set(block, `its layer takes ${after} MACs in place of ${before}`);
    return false;
  });
  return { blocks, costly, refused };
}

/** Which blocks are meant: so many of the best, all that save something, or those of these names. */
export type AskedBlocks = number | "all" | readonly string[];

/**
 * The blocks that become linear layers, in order of execution.
 *
 * @param scores by block name, for a number of blocks: the highest ones are taken, and of equal ones the earlier
 * @throws UserError for a name that no block has or that can't become one, with the reason, or for more blocks than there are
 */
export function chosenBlocks(
  { blocks, costly, refused }: LinearCandidates,
  asked: AskedBlocks,
  scores: ReadonlyMap<string, number> = new Map(),
): readonly Block[] {
  if (typeof asked === "object") {
    const known = [...blocks, ...costly.keys()];
    return asked.map((name) => {
      const block = known.find((each) => each.name === name);
      if (block) return block;
      const reason = refused.get(name);
      throw new UserError(
        reason === undefined
          ? `no block is called ${show(name)}: expected ${known.map((each) => each.name).join(", ") || "none"}`
          : `block "${name}" can't become a linear layer: ${reason}: leave it out`,
      );
    });
  }
  const most = blocks.length;
  if (most === 0 || (asked !== "all" && asked > most)) {
    const others = [...Array.from(costly, ([{ name }, reason]) => [name, reason]), ...refused];
    throw new UserError(
      `${asked === "all" ? "all" : asked} blocks are to become linear layers, and ${most} can: ` +
        `${blocks.map(({ name }) => name).join(", ") || "none"}` +
        others.map(([name, reason]) => `; not ${name}: ${reason}`).join(""),
    );
  }
  if (asked === "all") return blocks;
  const score = ({ name }: Block) => scores.get(name) ?? 0;
  const best = new Set(blocks.toSorted((a, b) => score(b) - score(a)).slice(0, asked));
  return blocks.filter((block) => best.has(block));
}
