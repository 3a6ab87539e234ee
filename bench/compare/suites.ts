/** What two checkouts are compared by: whole networks. */
export const SUITES = ["inference", "train-step"] as const;

export type Suite = typeof SUITES[number];
