/** Numbers as people read them: one way for the report, the command line and the phone page. */

const MINUS = "−";

/** A fraction: 0.9712 -> "97.12 %". */
export function percent(fraction: number, digits = 2): string {
  return told(fraction, () => `${fixed(100 * fraction, digits)} %`);
}

/** A difference of two fractions in percentage points: -0.006 -> "−0.60 points", 0.012 -> "+1.20 points". */
export function points(difference: number, digits = 2): string {
  return told(difference, () => {
    const text = fixed(Math.abs(100 * difference), digits);
    const sign = Number(text) === 0 ? "±" : difference < 0 ? MINUS : "+";
    return `${sign}${text} points`;
  });
}

/** How many times: 12.34 -> "12.3×", 231.8 -> "232×", 0.456 -> "0.456×". */
export function times(ratio: number): string {
  return told(ratio, () => `${significant(ratio, 3)}×`);
}

/** A whole number with its thousands apart: 430500 -> "430,500". */
export function count(value: number): string {
  return told(value, () => grouped(fixed(value, 0)));
}

/** A count in three digits: 2293000 -> "2.29 M", 38282 -> "38.3 k", 950 -> "950". */
export function short(value: number): string {
  return told(value, () => scaled(value, 1000, ["", " k", " M", " G", " T", " P"]));
}

/** Bytes in SI units, as disks and papers count: 1722000 -> "1.72 MB", 900 -> "900 B". */
export function bytes(value: number): string {
  return told(value, () => scaled(value, 1000, [" B", " kB", " MB", " GB", " TB", " PB"]));
}

/** Milliseconds in three digits: 0.123, 1.23, 12.3, 1,230; no unit. */
export function milliseconds(ms: number): string {
  return told(ms, () => significant(ms, 3));
}

/**
 * A time with its spread, both to the digit where the spread has its second: (1.2341, 0.0119) -> "1.234 ± 0.012 ms". A
 * spread of 0 leaves three digits of the time.
 */
export function milliSpread(ms: number, spreadMs: number): string {
  if (!Number.isFinite(ms) || !Number.isFinite(spreadMs)) return `${told(ms, () => String(ms))} ms`;
  if (spreadMs <= 0) return `${milliseconds(ms)} ± 0 ms`;
  // Rounded to two digits first: 0.0999 is 0.10, and has its second digit one place further left.
  const second = Math.floor(Math.log10(Number(spreadMs.toPrecision(2)))) - 1;
  const digits = Math.min(6, Math.max(0, -second));
  return `${grouped(fixed(ms, digits))} ± ${grouped(fixed(spreadMs, digits))} ms`;
}

/** Seconds: 5.04 -> "5.0 s", 75 -> "1 min 15 s", 4000 -> "1 h 6 min". */
export function duration(seconds: number): string {
  return told(seconds, () => {
    if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
    const whole = Math.round(seconds);
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
    return `${Math.floor(whole / 3600)} h ${Math.floor(whole % 3600 / 60)} min`;
  });
}

/** Any number, briefly: 0.1 -> "0.1", 0.098765 -> "0.09877", 12345 -> "12,345", 1.2e-7 -> "1.2e-7". */
export function plain(value: number): string {
  return told(value, () => {
    if (Number.isInteger(value) && Math.abs(value) < 1e15) return count(value);
    const magnitude = Math.abs(value);
    if (magnitude < 1e-3 || magnitude >= 1e15) {
      return value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e").replaceAll("-", MINUS);
    }
    const text = significant(value, 4);
    return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  });
}

function told(value: number, text: () => string): string {
  if (Number.isFinite(value)) return text();
  return Number.isNaN(value) ? "not a number" : value > 0 ? "∞" : `${MINUS}∞`;
}

/** `digits` behind the point, a real minus sign, and never "−0". */
function fixed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  if (!text.startsWith("-")) return text;
  return Number(text) === 0 ? text.slice(1) : MINUS + text.slice(1);
}

/** At least `digits` significant digits, without an exponent: whole numbers are never rounded to tens. */
function significant(value: number, digits: number): string {
  if (value === 0) return "0";
  // After rounding, so that 9.999 becomes 10.0 and not 10.00.
  const exponent = Number(Math.abs(value).toExponential(digits - 1).split("e")[1]);
  return grouped(fixed(value, Math.min(12, Math.max(0, digits - 1 - exponent))));
}

function scaled(value: number, base: number, units: readonly string[]): string {
  let unit = 0;
  let rest = Math.abs(value);
  // 999.6 would show as "1000".
  while (rest >= base - 0.5 && unit < units.length - 1) {
    rest /= base;
    unit++;
  }
  const text = Number.isInteger(rest) && unit === 0 ? rest.toString() : significant(rest, 3);
  return `${value < 0 ? MINUS : ""}${text}${units[unit]}`;
}

function grouped(text: string): string {
  const [whole, rest] = text.split(".");
  const apart = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return rest === undefined ? apart : `${apart}.${rest}`;
}
