import { Command } from "commander";
import type { Prepare } from "../recipe/prepare.ts";
import { SELECTIONS } from "../prune/reconstruct/selections.ts";
import type { StageKind } from "../recipe/registry.ts";
import { examples } from "./examples.ts";
import type { Io } from "./io.ts";
import { formatTable } from "./table.ts";

/** A stage that makes a network smaller, or ready for it. */
interface Method {
  /** What of the data it looks at. */
  readonly data: "nothing" | "images" | "labelled images" | "as the criterion";
  readonly shrinks: string;
  readonly summary: string;
  readonly source: string;
}

/** Stages that take nothing away, and older names. */
type Other = "train" | "controls" | "measure" | "magnitude" | "random";

const METHODS: Readonly<Record<Exclude<StageKind, Other>, Method>> = {
  prune: {
    data: "as the criterion",
    shrinks: "by its structure",
    summary:
      "masks by any criterion: at once, in steps, gradually or until a floor of accuracy, retrained under the masks",
    source: "Han et al. 2015, arXiv 1506.02626",
  },
  admm: {
    data: "labelled images",
    shrinks: "by its structure",
    summary: "training pulls the weights towards those that are allowed, then masks and retraining",
    source: "Zhang et al. 2018, arXiv 1807.11091",
  },
  oneshot: {
    data: "images",
    shrinks: "filters, or queries and keys",
    summary: "filters go, and what reads them is fitted anew; nothing is trained",
    source: "He et al. 2017, arXiv 1707.06168",
  },
  purify: {
    data: "labelled images",
    shrinks: "filters, channels",
    summary: "channels that pruning has left nearly empty go too, while the loss allows it",
    source: "docs/pipeline.md",
  },
  unused: {
    data: "nothing",
    shrinks: "filters, channels",
    summary: "what can't reach the output becomes 0; the network computes the same",
    source: "docs/pipeline.md",
  },
  linearize: {
    data: "images",
    shrinks: "blocks",
    summary: "blocks become linear layers that a least-squares fit gives",
    source: "docs/depth.md",
  },
  supernet: {
    data: "labelled images",
    shrinks: "nothing yet",
    summary: "trains all networks that a search chooses among over one map of weights",
    source: "docs/depth.md",
  },
  search: {
    data: "labelled images",
    shrinks: "nothing yet",
    summary: "finds which blocks to change for a budget",
    source: "docs/depth.md",
  },
  subnet: {
    data: "labelled images",
    shrinks: "nothing yet",
    summary: "trains the blocks that were found into their forms",
    source: "docs/depth.md",
  },
  merge: {
    data: "nothing",
    shrinks: "blocks",
    summary: "blocks in a linear form become fewer layers, exactly",
    source: "docs/depth.md",
  },
  reparameterise: {
    data: "nothing",
    shrinks: "branches, layers",
    summary: "whatever is linear becomes fewer layers, exactly",
    source: "Ding et al. 2021, arXiv 2101.03697",
  },
  compact: {
    data: "nothing",
    shrinks: "all that is 0",
    summary: "makes the masked network physically small, and proves that it computes the same",
    source: "docs/pipeline.md",
  },
};

/** What a `train` stage may do beside learning, under its key `prepare`. */
const PREPARING: Readonly<Record<keyof Prepare, Method>> = {
  slimming: {
    data: "labelled images",
    shrinks: "nothing yet",
    summary: "presses the γ of batch norms towards 0",
    source: "Liu et al. 2017, arXiv 1708.06519",
  },
  "group-lasso": {
    data: "labelled images",
    shrinks: "nothing yet",
    summary: "presses whole groups of any structure to exactly 0",
    source: "Wen et al. 2016, arXiv 1608.03665",
  },
  "growing-l2": {
    data: "labelled images",
    shrinks: "nothing yet",
    summary: "presses what is to go towards 0, harder and harder",
    source: "Wang et al. 2021, arXiv 2012.09243",
  },
  regrow: {
    data: "labelled images",
    shrinks: "by its structure",
    summary: "what was made 0 may come back while the network trains",
    source: "Evci et al. 2020, arXiv 1911.11134",
  },
  snip: {
    data: "labelled images",
    shrinks: "by its structure",
    summary: "prunes before the first step, and trains what is left",
    source: "Lee et al. 2019, arXiv 1810.02340",
  },
};

export function methodsCommand(io: Io): Command {
  return new Command("methods")
    .description("list the stages that make a network smaller, and what they need")
    .option("--json", "print JSON instead of tables")
    .addHelpText("after", examples("methods"))
    .action(({ json }: { json?: boolean }) => {
      const choices = Array.from(SELECTIONS.values(), ({ name, source = "", summary }) => ({ name, source, summary }));
      if (json) return io.out(JSON.stringify({ stages: METHODS, prepare: PREPARING, select: choices }, null, 2));
      const rows = (methods: Readonly<Record<string, Method>>) =>
        Object.entries(methods).map((
          [name, { data, shrinks, source, summary }],
        ) => [name, data, shrinks, source, summary]);
      const columns = ["looks at", "what shrinks", "source", "what it does"];
      io.out(formatTable([["stage", ...columns], ...rows(METHODS)], { header: true }));
      io.out("");
      io.out(formatTable([["train: prepare", ...columns], ...rows(PREPARING)], { header: true }));
      io.out("");
      const ways = choices.map(({ name, source, summary }) => [name, source, summary]);
      io.out(formatTable([["oneshot: select", "source", "which filters go"], ...ways], { header: true }));
    });
}
