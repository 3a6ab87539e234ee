/** Two bars for each network: as long as the dense one takes, and the pruned one. The table beside them says it in numbers. */
import { atOnce } from "../../measure/session/at_once.ts";
import type { Speed } from "../../report/devices/speedups.ts";
import { milliseconds, times } from "../format.ts";

export function Bars({ pairs }: { pairs: readonly Speed[] }) {
  const timed = pairs.filter(({ dense, pruned }) => dense.medianMs !== undefined && pruned.medianMs !== undefined);
  return (
    <div class="bars" aria-hidden="true">
      {timed.map(({ network, batch, dense, pruned, ratio, macs }) => {
        const longest = Math.max(dense.medianMs!, pruned.medianMs!);
        return (
          <div key={`${network}/${batch}`}>
            <p>
              {network}, {atOnce(batch)} {ratio !== undefined && <strong>{times(ratio)} as fast</strong>}
            </p>
            <Bar
              kind="dense"
              share={dense.medianMs! / longest}
              label={`dense, ${milliseconds(dense.medianMs!)}\u00a0ms`}
            />
            <Bar
              kind="pruned"
              share={pruned.medianMs! / longest}
              label={`pruned, ${milliseconds(pruned.medianMs!)}\u00a0ms`}
            />
            <Bar kind="macs" share={1 / macs} label="if only MACs counted" />
          </div>
        );
      })}
    </div>
  );
}

function Bar({ kind, share, label }: { kind: "dense" | "pruned" | "macs"; share: number; label: string }) {
  return (
    <div class="bar">
      <span class={kind} style={{ width: `${Math.max(0.5, 70 * share)}%` }} />
      <small>{label}</small>
    </div>
  );
}
