/** The code whose formulas decide something: what it must be held to by tests with known values. */
export const TARGETS: readonly RegExp[] = [
  /^src\/prune\/(budget|criteria|structures|groups|rules)\//,
  /^src\/prune\/rewrite\/(constant_propagation|liveness|unused|scatter_choice|layout)\.ts$/,
  /^src\/prune\/methods\/(purify|rho|admm_selection)\.ts$/,
  /^src\/graph\/(validate|peak_bytes)\.ts$/,
  /^src\/measure\/(tune|tuner|tune_choice)\.ts$/,
  /^src\/train\/(schedule|losses\/\w+)\.ts$/,
  /^kernels\/(device_profile|tuning)\.ts$/,
  /^kernels\/gemm\/(cost|plan|split|tiles)\.ts$/,
  /^kernels\/conv\/class\.ts$/,
];

export function isTarget(path: string): boolean {
  return path.endsWith(".ts") && TARGETS.some((target) => target.test(path));
}

/** A mutant that changes nothing anybody could see, and why. It is found by its line's text, so it survives moves. */
export interface Equivalent {
  readonly path: string;
  /** The line without its indentation. */
  readonly text: string;
  /** The line of the mutant. */
  readonly becomes: string;
  readonly because: string;
}

export const EQUIVALENT: readonly Equivalent[] = [
  {
    path: "src/prune/groups/rows.ts",
    text: "const repeat = change < 0 ? entries.length : change;",
    becomes: "const repeat = change <= 0 ? entries.length : change;",
    because: "The first entry never differs from itself, so the place of a change is never 0.",
  },
  {
    path: "src/prune/groups/disjoint_sets.ts",
    text: "for (let i = 0; i < count; i++) this.#parent[i] = i;",
    becomes: "for (let i = 1; i < count; i++) this.#parent[i] = i;",
    because: "A new array holds 0 at place 0 already.",
  },
  {
    path: "src/prune/rules/layers.ts",
    text: "rowLength: channels * size,",
    becomes: "rowLength: channels,",
    because: "Of a weight that has its filters along axis 1 nobody asks for the length of a row.",
  },
  {
    path: "src/prune/criteria/chip.ts",
    text: "return symmetricEigenvalues(gram, n).reduce((sum, square) => sum + Math.sqrt(Math.max(0, square)), 0);",
    becomes: "return symmetricEigenvalues(gram, n).reduce((sum, square) => sum + Math.sqrt(Math.max(0, square)), 1);",
    because: "One such sum is only ever taken from another, and both grow by one.",
  },
  {
    path: "src/prune/criteria/symmetric_eigenvalues.ts",
    text: "let g = (d[first + 1] - d[first]) / (2 * e[first]);",
    becomes: "let g = (d[first + 1] - d[first]) / (2);",
    because: "It chooses the shift of a turn, which decides how fast the turns converge and not what they converge to.",
  },
  {
    path: "src/prune/structures/refusals.ts",
    text: "const at = { offset: 0, repeat: 1, period: channels };",
    becomes: "const at = { offset: 1, repeat: 1, period: channels };",
    because: "Only the layout of what it makes is taken, and the offset isn't part of it.",
  },
  {
    path: "src/train/schedule.ts",
    text: "const t = epochs > warmup ? (epoch - warmup) / (epochs - warmup) : 0;",
    becomes: "const t = epochs >= warmup ? (epoch - warmup) / (epochs - warmup) : 0;",
    because: "The warm-up takes half of the epochs at most, so that the two are never equal.",
  },
  {
    path: "src/train/schedule.ts",
    text: "const t = epochs > warmup ? (epoch - warmup) / (epochs - warmup) : 0;",
    becomes: "const t = epochs > warmup ? (epoch - warmup) / (epochs - warmup) : 1;",
    because: "The warm-up takes half of the epochs at most, so that the other branch is always taken.",
  },
  {
    path: "src/prune/rules/activations.ts",
    text: "const made = mapped(node, numbered, factOf, [Float64Array.from(slopes, (slope) => slope ?? 1)]);",
    becomes: "const made = mapped(node, numbered, factOf, [Float64Array.from(slopes, (slope) => slope ?? 2)]);",
    because: "A slope that isn't known only counts for negative numbers, and what comes of those varies.",
  },
  {
    path: "src/prune/methods/purify.ts",
    text: "return candidates.reduce((sum, { count }) => sum + count, 0);",
    becomes: "return candidates.reduce((sum, { count }) => sum + count, 1);",
    because: "Gains are only compared with each other, and each of them grows by one.",
  },
  {
    path: "src/prune/methods/purify.ts",
    text: "const { scores: energies } = scoreGroups(l2, constraint, { model, seed: 0 });",
    becomes: "const { scores: energies } = scoreGroups(l2, constraint, { model, seed: 1 });",
    because: "The seed is for criteria that draw by lot, and l2 draws nothing.",
  },
  {
    path: "src/measure/tune.ts",
    text: "gpu.write(given[name], gaussian.fillNormal(new Float32Array(bytes / 4), 0));",
    becomes: "gpu.write(given[name], gaussian.fillNormal(new Float32Array(bytes / 4), 1));",
    because: "Any random numbers do as operands.",
  },
  {
    path: "src/measure/tune.ts",
    text: "const COMPARED = 1 << 18;",
    becomes: "const COMPARED = 2 << 18;",
    because:
      "It says how many numbers of an output are compared, and any of them tells a way that computes something else.",
  },
  {
    path: "src/measure/tune.ts",
    text: "const COMPARED = 1 << 18;",
    becomes: "const COMPARED = 1 << 19;",
    because:
      "It says how many numbers of an output are compared, and any of them tells a way that computes something else.",
  },
  {
    path: "src/prune/budget/settle.ts",
    text: "const masks = oneShot(model, new Map(), least, { criterion: l2, seed: 0 });",
    becomes: "const masks = oneShot(model, new Map(), least, { criterion: l2, seed: 1 });",
    because: "The seed is for criteria that draw by lot, and l2 draws nothing.",
  },
  {
    path: "src/prune/rules/activations.ts",
    text: 'const data = Float64Array.from(facts, (fact) => typeof fact === "number" ? fact : 0);',
    becomes: 'const data = Float64Array.from(facts, (fact) => typeof fact === "number" ? fact : 1);',
    because: "What the function makes of a channel that isn't known is computed, and never read.",
  },
  {
    path: "src/prune/rewrite/scatter_choice.ts",
    text: "{ batch, seconds = 0.2, compact: options }: ScatterChoiceOptions,",
    becomes: "{ batch, seconds = 0.1, compact: options }: ScatterChoiceOptions,",
    because: "It says for how long networks are timed, and whatever comes of that is held against the spreads.",
  },
  {
    path: "src/prune/rewrite/scatter_choice.ts",
    text: 'const data = random(0, "scatter").fillNormal(new Float32Array(elements(shape)), 0);',
    becomes: 'const data = random(1, "scatter").fillNormal(new Float32Array(elements(shape)), 0);',
    because: "Any random numbers do as the input of networks that are timed.",
  },
  {
    path: "src/prune/rewrite/scatter_choice.ts",
    text: 'const data = random(0, "scatter").fillNormal(new Float32Array(elements(shape)), 0);',
    becomes: 'const data = random(0, "scatter").fillNormal(new Float32Array(elements(shape)), 1);',
    because: "Any random numbers do as the input of networks that are timed.",
  },
  {
    path: "src/prune/groups/coupling_groups.ts",
    text: "for (let f = 0; f < filters; f++) groups.join(y + f, y + f % (filters / group));",
    becomes: "for (let f = 1; f < filters; f++) groups.join(y + f, y + f % (filters / group));",
    because: "The first filter would be joined with itself.",
  },
  {
    path: "src/prune/groups/coupling_groups.ts",
    text: "for (let c = 0; c < layer.channels; c++) groups.join(x + c, x + c % perGroup);",
    becomes: "for (let c = 1; c < layer.channels; c++) groups.join(x + c, x + c % perGroup);",
    because: "The first channel would be joined with itself.",
  },
  {
    path: "src/prune/methods/admm_selection.ts",
    text: "else alive.fill(1);",
    becomes: "else alive.fill(2);",
    because: "All weights count alike, whatever the number that they are multiplied by.",
  },
  {
    path: "src/prune/methods/admm_selection.ts",
    text: "const MANY_WEIGHTS = 2 ** 16;",
    becomes: "const MANY_WEIGHTS = 3 ** 16;",
    because: "Each of the two ways keeps the same weights: this only says which of them takes less time.",
  },
  {
    path: "src/prune/methods/admm_selection.ts",
    text: "const MANY_WEIGHTS = 2 ** 16;",
    becomes: "const MANY_WEIGHTS = 2 ** 17;",
    because: "Each of the two ways keeps the same weights: this only says which of them takes less time.",
  },
  {
    path: "src/prune/methods/admm_selection.ts",
    text: 'return rule?.kind === "runs" || (kind === "weight" && groups >= MANY_WEIGHTS) ? "whole" : "scores";',
    becomes: 'return rule?.kind === "runs" || (kind === "weight" && groups > MANY_WEIGHTS) ? "whole" : "scores";',
    because: "Each of the two ways keeps the same weights: this only says which of them takes less time.",
  },
  {
    path: "src/prune/rules/layers.ts",
    text: "const columnAt = new Int32Array(layer.channels * layer.size).fill(-1);",
    becomes: "const columnAt = new Int32Array(layer.channels * layer.size).fill(-2);",
    because: "Any number below 0 says that the column isn't there.",
  },
  {
    path: "src/measure/tune.ts",
    text: 'const gaussian = random(1, "tune");',
    becomes: 'const gaussian = random(2, "tune");',
    because: "Any random numbers do as operands.",
  },
  {
    path: "src/prune/groups/rows.ts",
    text: "const end = positions.findIndex((group, i) => i > start && group !== first);",
    becomes: "const end = positions.findIndex((group, i) => i >= start && group !== first);",
    because: "The entry at the start is of the group itself.",
  },
  {
    path: "src/prune/budget/price.ts",
    text: "const cutting = choices.filter(({ constraint, kept, taps }) => taps || kept.length < constraint.groups);",
    becomes:
      "const cutting = choices.filter(({ constraint, kept, taps }) => taps || kept.length <= constraint.groups);",
    because: "A mask by which all groups stay changes nothing, and only takes time.",
  },
  {
    path: "src/prune/budget/settle.ts",
    text: 'return of(after) <= (amount === "fraction" ? most * of(before) : most);',
    becomes: 'return of(after) < (amount === "fraction" ? most * of(before) : most);',
    because: "Where the smallest network only just meets the budget, solving it says so as well, and takes longer.",
  },
  {
    path: "src/prune/groups/rows.ts",
    text: "const again = entries.findIndex((group, i) => i > repeat && group === first);",
    becomes: "const again = entries.findIndex((group, i) => i >= repeat && group === first);",
    because: "The entry at which the group changes is not of the first group.",
  },
  {
    path: "src/prune/groups/channel_axes.ts",
    text: "for (let axis = shape.length - 1; axis > 1 && best.anchors.size > 0; axis--) {",
    becomes: "for (let axis = shape.length - 1; axis >= 1 && best.anchors.size > 0; axis--) {",
    because: "Axis 1 is what the search begins with, so that it never takes fewer anchors than the best.",
  },
  {
    path: "src/prune/groups/channel_axes.ts",
    text: "for (let axis = shape.length - 1; axis > 1 && best.anchors.size > 0; axis--) {",
    becomes: "for (let axis = shape.length - 1; axis > 1 && best.anchors.size >= 0; axis--) {",
    because: "No axis takes fewer anchors than none: the search only goes on in vain.",
  },
];
