/** How sensitivity is measured where nobody says. */
export const SENSITIVITY_DEFAULTS = {
  /** Parts of a layer's groups that go. */
  ratios: [0.1, 0.3, 0.5, 0.7, 0.9] as readonly number[],
  /** By which groups go. */
  criterion: "l2",
  /** Of what a criterion draws by lot. */
  seed: 1,
  /** Images that are evaluated at once: as many as `evaluate` takes. */
  batch: 250,
} as const;
