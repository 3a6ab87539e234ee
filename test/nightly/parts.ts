/** The parts of `deno task nightly`. */
export interface NightlyPart {
  readonly name: string;
  readonly what: string;
  /** From the root of the checkout. */
  readonly script: string;
  readonly args: readonly string[];
}

export const NIGHTLY: readonly NightlyPart[] = [
  {
    name: "ladder",
    what: "random networks, pruned, compacted, exported and run elsewhere: every rung must agree",
    script: "test/ladder/nightly.ts",
    args: ["--count", "1000"],
  },
  {
    name: "depth",
    what: "random blocks, merged, compacted, exported and run elsewhere: every rung must agree",
    script: "test/ladder/nightly.ts",
    args: ["--networks", "merged", "--count", "300"],
  },
  {
    name: "fuzz",
    what: "damaged networks, weights, archives, images, recipes, records and plans: each loads or is refused",
    script: "test/fuzz/run.ts",
    // 2,000 of each of its ten kinds.
    args: ["--count", "20000"],
  },
  {
    name: "budgets",
    what: "networks of CIFAR's size to half of their multiply-adds and of their numbers, by every criterion",
    script: "test/nightly/budgets.ts",
    args: [],
  },
  {
    name: "until",
    what: "pruning until a floor of accuracy is met, against a scan by hand: at most one step larger",
    script: "test/nightly/until.ts",
    args: [],
  },
  {
    name: "search",
    what:
      "sweeps of real trainings: ASHA finds a grid's best cell in two fifths of its epochs, NSGA-II beats random draws",
    script: "test/nightly/search.ts",
    args: [],
  },
  {
    name: "mutants",
    what: "small errors in the code that decides: the tests must notice nine of ten",
    script: "test/mutation/run.ts",
    args: ["--count", "80"],
  },
  {
    name: "kills",
    what: "runs killed at random moments, damaged and begun twice: the same bytes, or a clear refusal",
    script: "test/nightly/kills.ts",
    args: ["--count", "50"],
  },
  {
    name: "sweep",
    what:
      "sixty cells by one process, by two workers, by two through a Redis, and under kills of all of them: the same report",
    script: "test/nightly/sweep.ts",
    args: ["--kills", "30"],
  },
  {
    name: "sweep-store",
    what:
      "a sweep whose store is full, is lost, or is served by a machine that goes: one line, and then the same report",
    script: "test/nightly/sweep_store.ts",
    args: [],
  },
  {
    name: "sweep-load",
    what: "10,000 trials by 100 workers through a Redis, with jobs that only take time: rate and memory",
    script: "test/nightly/sweep_load.ts",
    args: [],
  },
  {
    name: "long",
    what: "tests of which the suite does a part, in whole: more networks, more seeds, more interruptions",
    script: "test/nightly/long.ts",
    args: [],
  },
  {
    name: "tutorial",
    what:
      "docs/tutorial.md followed word for word in a fresh copy: each command ends well and prints what stands there",
    script: "scripts/tutorial.ts",
    args: [],
  },
  {
    name: "bare",
    what: "docs/tutorial.md once more in a bare Debian, which debootstrap makes: as root on Debian or Ubuntu",
    script: "scripts/tutorial.ts",
    args: ["--chroot"],
  },
  {
    name: "pack",
    what:
      "a pack of benchmarks in a bare Debian without a network: it runs, and refuses what it can't; as root on Debian",
    script: "test/nightly/pack.ts",
    args: [],
  },
  {
    name: "notebooks",
    what: "the notebooks of docs/examples, cell by cell, with their types: each ends well and shows something",
    script: "scripts/notebooks.ts",
    args: [],
  },
  {
    name: "browser",
    what:
      "in Chromium: the page's recipe to its end, bundled networks timed, the first number, a ResNet-18 pruned, the web examples",
    script: "test/nightly/browser.ts",
    args: [],
  },
];
