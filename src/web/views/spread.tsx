import { milliSpread } from "../format.ts";

/** A median above its spread: side by side they are wider than a phone's column. */
export function Spread({ ms, spreadMs }: { ms: number; spreadMs: number }) {
  const [median, spread] = milliSpread(ms, spreadMs).split("\u00a0±\u00a0");
  return (
    <span class="spread">
      {median}&nbsp;ms<small>±&nbsp;{spread.replace(/\u00a0ms$/, "")}</small>
    </span>
  );
}
