import { milliSpread } from "../../report/format.ts";

/** A median above its spread: side by side they are wider than a phone's column. */
export function Spread({ ms, spreadMs }: { ms: number; spreadMs: number }) {
  const [median, spread] = milliSpread(ms, spreadMs).split(" ± ");
  return (
    <span class="spread">
      {median} ms<small>± {spread.replace(/ ms$/, "")}</small>
    </span>
  );
}
