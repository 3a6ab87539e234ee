/** What somebody asks for who names a network and data and no recipe: `prune net.onnx --data folder:./images --macs 0.5`. */
import { UsageError } from "../errors.ts";
import { CRITERIA } from "../prune/criteria/criteria.ts";
import { selections } from "../recipe/oneshot_stage.ts";
import { didYouMean } from "../validation/names.ts";
import { anyOf } from "../validation/problems.ts";

/** Ways to make a network smaller of which one line can ask. */
export type OneLineMethod = "prune" | "admm" | "oneshot" | "depth";

/** The wish, as options say it; what is left out is chosen. */
export interface Asked {
  /** Fractions of the multiply-adds or of the parameters that stay. */
  readonly macs?: number;
  readonly params?: number;
  /** One run's time on the device of `device`, a record with latency tables. */
  readonly ms?: number;
  readonly device?: string;
  /** So many networks are looked at for the best one within `ms`. */
  readonly search?: number;
  /** How far below the dense network's the validation accuracy may be: as much goes as that allows. */
  readonly drop?: number;
  readonly method?: string;
  readonly criterion?: string;
  /** Of training after something has gone. */
  readonly epochs?: number;
  /** Names of layers and patterns. */
  readonly exclude?: readonly string[];
  /** Whether labels may be looked at. */
  readonly labels: "use" | "ignore";
}

/** The one amount that is asked for. */
export type Goal =
  | { readonly kind: "macs" | "params"; readonly amount: number }
  | { readonly kind: "ms"; readonly amount: number }
  | { readonly kind: "drop"; readonly amount: number };

/** A wish whose parts go together. */
export interface Wish extends Omit<Asked, "macs" | "params" | "ms" | "drop" | "method"> {
  readonly goal: Goal;
  /** Whether the goal or the method was left to us. */
  readonly chosen: { readonly goal: boolean; readonly method: boolean };
  readonly method: OneLineMethod;
}

const METHODS: Readonly<
  Record<OneLineMethod, { readonly labels: boolean; readonly refuses: readonly (keyof Asked)[] }>
> = {
  prune: { labels: true, refuses: [] },
  admm: { labels: true, refuses: ["criterion", "drop", "search"] },
  oneshot: { labels: false, refuses: ["epochs", "drop", "search"] },
  depth: { labels: true, refuses: ["criterion", "drop", "exclude", "search"] },
};

/** Fewer networks are no search. */
export const LEAST_CANDIDATES = 4;
/** The device that is connected while the search runs, in place of a record. */
export const LIVE = "live";

const ONLY_PRUNE_SEARCHES =
  "what is searched are networks that prune makes, blocks that become linear layers among them";

/** What each refusal is told with. */
const WHY: Readonly<Partial<Record<OneLineMethod, Partial<Record<keyof Asked, string>>>>> = {
  admm: {
    criterion: "ADMM projects by l2",
    drop: "only prune looks for the smallest network that holds an accuracy",
    search: ONLY_PRUNE_SEARCHES,
  },
  oneshot: {
    epochs: "it trains nothing",
    drop: "only prune looks for the smallest network that holds an accuracy",
    search: "networks are compared by labels, and prune trains the best one",
  },
  depth: {
    criterion: "blocks are chosen by how well a linear layer stands for them",
    drop: "only prune looks for the smallest network that holds an accuracy",
    exclude: "it changes blocks, not layers: write a recipe whose search has a gene",
    search: ONLY_PRUNE_SEARCHES,
  },
};

const GOALS = ["macs", "params", "ms", "drop"] as const;

/** A half of the multiply-adds; where blocks become layers, what about half of the blocks save. */
const DEFAULT_MACS: Readonly<Record<OneLineMethod, number>> = { prune: 0.5, admm: 0.5, oneshot: 0.8, depth: 0.75 };

/** @throws UsageError for an amount out of its range, for two of them, and for options that the method has no use for */
export function wishOf({ macs, params, ms, drop, method: named, ...asked }: Asked): Wish {
  const given = { macs, params, ms, drop };
  const method = methodOf(named, asked.labels);
  const said = GOALS.filter((kind) => given[kind] !== undefined);
  if (said.length > 1) {
    throw new UsageError(`${said.map((kind) => `--${kind}`).join(" and ")} exclude each other: give one of them`);
  }
  const { labels, refuses } = METHODS[method];
  if (labels && asked.labels === "ignore") {
    throw new UsageError(`--method ${method} trains by labels, and there are none to look at: choose --method oneshot`);
  }
  for (const option of refuses) {
    const value = option === "drop" ? drop : asked[option as keyof typeof asked];
    if (value === undefined) continue;
    throw new UsageError(`--${option} has no use for --method ${method}: ${WHY[method]![option]}`);
  }
  checkCriterion(method, asked.criterion);
  const [kind = "macs"] = said;
  const amount = given[kind] ?? DEFAULT_MACS[method];
  checkAmount(kind, amount);
  checkSearch(kind, asked);
  if ((kind === "ms") !== (asked.device !== undefined)) {
    throw new UsageError(
      kind === "ms"
        ? "--ms needs --device, a record with latency tables: runs/devices/pixel8.json, by secateur time --table"
        : "--device is for --ms, a time on that device: give both",
    );
  }
  return { ...asked, method, goal: { kind, amount }, chosen: { goal: said.length === 0, method: named === undefined } };
}

function checkSearch(kind: Goal["kind"], { search, device }: Pick<Asked, "search" | "device">): void {
  if (search === undefined) {
    if (device !== LIVE) return;
    throw new UsageError(
      "--device live is for a search that asks the phone while it runs: add --search 40, or name a record",
    );
  }
  if (kind !== "ms") {
    throw new UsageError(
      "--search looks for the best network within a time: give --ms and --device, such as --ms 4 --device live",
    );
  }
  if (search >= LEAST_CANDIDATES) return;
  throw new UsageError(`--search ${search}: expected at least ${LEAST_CANDIDATES} networks to look at, such as 40`);
}

function methodOf(named: string | undefined, labels: Asked["labels"]): OneLineMethod {
  if (named === undefined) return labels === "ignore" ? "oneshot" : "prune";
  if (Object.hasOwn(METHODS, named)) return named as OneLineMethod;
  const known = Object.keys(METHODS);
  throw new UsageError(`--method ${named}: expected ${anyOf(known)}${didYouMean(named, known)}`);
}

/** What the method can choose by. */
const CHOICES: Readonly<Partial<Record<OneLineMethod, ReadonlyMap<string, unknown>>>> = {
  prune: CRITERIA,
  oneshot: selections,
};

function checkCriterion(method: OneLineMethod, criterion: string | undefined): void {
  const choices = CHOICES[method];
  if (criterion === undefined || !choices || choices.has(criterion)) return;
  const known = [...choices.keys()];
  const why = CRITERIA.has(criterion)
    ? `it learns from labels, and --method ${method} looks at none: `
    : selections.has(criterion)
    ? "it is for --method oneshot: "
    : "";
  throw new UsageError(`--criterion ${criterion}: ${why}expected ${anyOf(known)}${didYouMean(criterion, known)}`);
}

function checkAmount(kind: Goal["kind"], amount: number): void {
  const right = kind === "ms" ? amount > 0 : amount > 0 && amount < 1;
  if (right && Number.isFinite(amount)) return;
  const expected = kind === "ms" ? "a time above 0" : "a fraction between 0 and 1, such as 0.5";
  throw new UsageError(`--${kind} is ${amount}, expected ${expected}`);
}
