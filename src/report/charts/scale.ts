/** Where axes begin and end, and where their ticks stand. */
import { short } from "../format.ts";

export interface Axis {
  readonly type: "linear" | "log";
  readonly domain: readonly [number, number];
  readonly ticks: readonly number[];
  readonly format: (value: number) => string;
}

/** Fractions as percentages, with air around them. */
export function percentAxis(values: readonly number[], maxTicks = 5): Axis {
  const finite = values.filter(Number.isFinite);
  const low = Math.min(...finite, 1);
  const high = Math.max(...finite, 0);
  const air = Math.max(0.12 * (high - low), 0.002);
  const domain = [Math.max(0, low - air), Math.min(1 + 0.3 * air, high + air)] as const;
  const { ticks, step } = linearTicks(domain, maxTicks);
  const digits = Math.max(0, -Math.floor(Math.log10(step * 100) + 1e-9));
  return {
    type: "linear",
    domain,
    ticks: ticks.filter((tick) => tick <= 1),
    format: (value) => `${(100 * value).toFixed(digits)} %`,
  };
}

/** From 0 to a little above the largest value. */
export function amountAxis(largest: number, maxTicks = 5): Axis {
  const domain = [0, largest > 0 ? largest * 1.02 : 1] as const;
  return { type: "linear", domain, ticks: linearTicks(domain, maxTicks).ticks, format: briefly };
}

/** Logarithmic; values ≤ 0 must have been left out. */
export function logAxis(values: readonly number[], maxTicks = 5, format: (value: number) => string = briefly): Axis {
  const finite = values.filter((value) => Number.isFinite(value) && value > 0);
  const low = finite.length > 0 ? Math.min(...finite) : 1;
  const high = finite.length > 0 ? Math.max(...finite) : 10;
  // At least a factor of 2.5, so that two ticks of 1, 2, 5 fit.
  const spread = Math.max(1.15, Math.sqrt(2.5 * low / high));
  const domain = [low / spread, high * spread] as const;
  return { type: "log", domain, ticks: logTicks(domain, maxTicks), format };
}

function linearTicks([low, high]: readonly [number, number], maxTicks: number): { ticks: number[]; step: number } {
  const rough = (high - low) / maxTicks;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9))!;
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) ticks.push(k * step);
  return { ticks, step };
}

/** Multiples 1, 2, 5 of powers of ten where they are few enough, else 1, 3, else every first, second … power. */
function logTicks([low, high]: readonly [number, number], maxTicks: number): number[] {
  for (const factors of [[1, 2, 5], [1, 3], [1]]) {
    const ticks = powers(low, high, 1).flatMap((power) => factors.map((factor) => factor * power))
      .filter((tick) => tick >= low && tick <= high);
    if (ticks.length <= maxTicks) return ticks;
  }
  for (let every = 2;; every++) {
    const ticks = powers(low, high, every).filter((tick) => tick >= low && tick <= high);
    if (ticks.length <= maxTicks) return ticks;
  }
}

function powers(low: number, high: number, every: number): number[] {
  const first = Math.floor(Math.log10(low) / every) * every;
  const all = [];
  for (let exponent = first; exponent <= Math.log10(high); exponent += every) all.push(Number(`1e${exponent}`));
  return all;
}

function briefly(value: number): string {
  return value >= 1000
    ? short(value).replace(/\.(\d*?)0+(?= )/, (_, digits) => digits === "" ? "" : `.${digits}`)
    : String(Number(value.toPrecision(6)));
}
