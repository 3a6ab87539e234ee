/** Where axes begin and end, and where their ticks stand. */
import { short } from "../format.ts";

export interface Axis {
  readonly type: "linear" | "log";
  readonly domain: readonly [number, number];
  readonly ticks: readonly number[];
  readonly format: (value: number) => string;
}

/** Fractions as percentages, with air around them. */
export function percentAxis(values: readonly number[], maxTicks = 6): Axis {
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
export function amountAxis(largest: number, maxTicks = 6): Axis {
  const domain = [0, largest > 0 ? largest * 1.02 : 1] as const;
  return { type: "linear", domain, ticks: linearTicks(domain, maxTicks).ticks, format: briefly };
}

/** From the least to the greatest of them, with air around them. */
export function spanAxis(values: readonly number[], maxTicks = 6): Axis {
  const finite = values.filter(Number.isFinite);
  const [low, high] = finite.length > 0 ? [Math.min(...finite), Math.max(...finite)] : [0, 1];
  const air = high > low ? 0.08 * (high - low) : Math.max(Math.abs(high), 1) * 0.1;
  const domain = [low - air, high + air] as const;
  return { type: "linear", domain, ticks: linearTicks(domain, maxTicks).ticks, format: briefly };
}

/** Logarithmic; values ≤ 0 must have been left out. */
export function logAxis(values: readonly number[], maxTicks = 6, format: (value: number) => string = briefly): Axis {
  const finite = values.filter((value) => Number.isFinite(value) && value > 0);
  const low = finite.length > 0 ? Math.min(...finite) : 1;
  const high = finite.length > 0 ? Math.max(...finite) : 10;
  // At least a factor of 2.5, so that two ticks of 1, 2, 5 fit.
  const spread = Math.max(1.15, Math.sqrt(2.5 * low / high));
  const domain = [low / spread, high * spread] as const;
  return { type: "log", domain, ticks: logTicks(domain, maxTicks), format };
}

/** The finest steps of 1, 2 or 5 times a power of ten for which there is room. */
function linearTicks([low, high]: readonly [number, number], maxTicks: number): { ticks: number[]; step: number } {
  for (let exponent = Math.floor(Math.log10((high - low) / maxTicks));; exponent++) {
    for (const factor of [1, 2, 5]) {
      const step = factor * Number(`1e${exponent}`);
      const [first, last] = [Math.ceil(low / step - 1e-9), Math.floor(high / step + 1e-9)];
      const count = last - first + 1;
      if (count <= maxTicks) return { ticks: Array.from({ length: count }, (_, k) => (first + k) * step), step };
    }
  }
}

const LOG_FACTORS = [[1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9], [1, 1.5, 2, 3, 4, 5, 7], [1, 2, 5], [1, 3], [1]];

/** Round multiples of powers of ten, as many as there is room for; then every second, third … power alone. */
function logTicks([low, high]: readonly [number, number], maxTicks: number): number[] {
  for (const factors of LOG_FACTORS) {
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
