import type { Axis } from "../../report/charts/scale.ts";

/** Puts an axis' values between two places of the picture. */
export function place({ type, domain }: Axis, start: number, end: number): (value: number) => number {
  const scaled = type === "log" ? Math.log10 : (value: number) => value;
  const [low, high] = domain.map(scaled);
  return (value) => start + (scaled(value) - low) / (high - low) * (end - start);
}
