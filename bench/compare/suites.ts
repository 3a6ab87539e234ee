/** What two checkouts are compared by: whole networks, and single kernels. */
export const SUITES = ["inference", "train-step", "kernels"] as const;

export type Suite = typeof SUITES[number];
