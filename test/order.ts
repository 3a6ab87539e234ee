/**
 * The test files that take longest on two idle cores, the slowest first, as a run of all files tells them. They start
 * first, so that none of them holds up the end alone; when a new file belongs among them, it is enough to add it here.
 * Files that open many devices stand among them, however long they take: a device that is closed has all garbage of its
 * process collected, and a process that has run many files has more of it.
 */
export const SLOW_FILES: readonly string[] = [
  "cli/kills.test.ts",
  "recipe/stages.test.ts",
  "measure/session_detail.test.ts",
  "cli/end-to-end.test.ts",
  "measure/session.test.ts",
  "prune/operators.test.ts",
  "models/numbers.test.ts",
  "recipe/resume.test.ts",
  "measure/session_survival.test.ts",
  "recipe/tuning.test.ts",
  "measure/session_selftest.test.ts",
  "web/device.test.ts",
  "measure/tune.test.ts",
  "measure/latency.test.ts",
  "graph/plan.test.ts",
  "recipe/pipeline.test.ts",
  "gpu/memory.test.ts",
  "recipe/failed_stages.test.ts",
  "cli/time.test.ts",
  "tensor/binding_windows.test.ts",
  "kernels/variants.test.ts",
  "tensor/project.test.ts",
  "graph/plan-random.test.ts",
  "sparse/lists.test.ts",
  "graph/execute-oracle.test.ts",
  "recipe/device.test.ts",
  "sparse/bsr.test.ts",
  "sparse/tap_lines.test.ts",
  "prune/random.test.ts",
  "cli/serve-process.test.ts",
  "prune/promised.test.ts",
  "prune/pairs.test.ts",
  "recipe/linearize.test.ts",
  "recipe/oneshot.test.ts",
  "depth/supernet.test.ts",
  "tensor/conv.test.ts",
  "recipe/verify.test.ts",
  "recipe/depth_stages.test.ts",
  "recipe/restored_norms.test.ts",
  "measure/roofline.test.ts",
  "depth/forms.test.ts",
  "browser/page_flow.test.ts",
  "browser/engine.test.ts",
  "browser/package.test.ts",
  "browser/ladder.test.ts",
  "browser/page_states.test.ts",
  "browser/session.test.ts",
  "browser/shrink.test.ts",
  "browser/architectures.test.ts",
  "browser/kept.test.ts",
  "browser/variants.test.ts",
  "browser/fallback.test.ts",
];

/** Known slow files first, the slowest of all at the beginning; the others stay in their order. */
export function slowestFirst(files: readonly string[]): string[] {
  const slow = SLOW_FILES.filter((name) => files.includes(name));
  return [...slow, ...files.filter((name) => !slow.includes(name))];
}
