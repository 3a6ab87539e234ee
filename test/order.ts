/**
 * The test files that take longest on two idle cores, the slowest first, as a run of all files tells them. They start
 * first, so that none of them holds up the end alone; when a new file belongs among them, it is enough to add it here.
 */
export const SLOW_FILES: readonly string[] = [
  "cli/kills.test.ts",
  "recipe/stages.test.ts",
  "measure/session_survival.test.ts",
  "measure/latency.test.ts",
  "cli/end-to-end.test.ts",
  "sparse/lists.test.ts",
  "measure/session.test.ts",
  "models/numbers.test.ts",
  "recipe/resume.test.ts",
  "measure/tune.test.ts",
  "recipe/pipeline.test.ts",
  "graph/plan-random.test.ts",
  "recipe/device.test.ts",
  "recipe/tuning.test.ts",
  "measure/session_selftest.test.ts",
  "graph/plan.test.ts",
  "recipe/failed_stages.test.ts",
  "measure/session_detail.test.ts",
  "kernels/variants.test.ts",
  "graph/execute-oracle.test.ts",
  "recipe/verify.test.ts",
  "tensor/project.test.ts",
  "prune/random.test.ts",
  "prune/operators.test.ts",
  "browser/page_flow.test.ts",
  "browser/engine.test.ts",
  "browser/package.test.ts",
  "browser/ladder.test.ts",
  "browser/page_states.test.ts",
  "browser/session.test.ts",
  "browser/variants.test.ts",
  "browser/fallback.test.ts",
];

/** Known slow files first, the slowest of all at the beginning; the others stay in their order. */
export function slowestFirst(files: readonly string[]): string[] {
  const slow = SLOW_FILES.filter((name) => files.includes(name));
  return [...slow, ...files.filter((name) => !slow.includes(name))];
}
