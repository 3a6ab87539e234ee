/** Dense against pruned: the table, and bars. */
import { atOnce } from "../../measure/session/at_once.ts";
import type { Row } from "../../measure/session/types.ts";
import type { DeviceRecord } from "../../report/devices/record.ts";
import { speeds } from "../../report/devices/speedups.ts";
import { duration, milliseconds, percent, times } from "../format.ts";
import { Bars } from "../charts/bars.tsx";
import { Spread } from "./spread.tsx";

export function Speeds({ record, running }: { record: DeviceRecord; running: boolean }) {
  const pairs = speeds(record.rows);
  const single = record.rows.filter((row) =>
    !pairs.some(({ network, batch }) => network === row.network && batch === row.batch)
  );
  if (record.rows.length === 0) return null;
  const known = record.rows.some(({ accuracy }) => accuracy !== undefined);
  const fallback = record.device?.fallback || record.backend !== "webgpu";
  return (
    <section class="card" aria-labelledby="speeds">
      <h2 id="speeds">Dense against pruned</h2>
      {fallback && (
        <p class="note warn">
          {record.backend === "webgpu"
            ? "This is a software adapter: the processor plays the GPU. Such times are kept out of comparisons with devices."
            : `Computed by ${record.backend}, not by WebGPU: kept out of comparisons with devices.`}
        </p>
      )}
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="speeds">
        <table>
          <caption>Median time of one pass ± median absolute deviation</caption>
          <thead>
            <tr>
              <th scope="col">network</th>
              <th scope="col">dense</th>
              <th scope="col">pruned</th>
              <th scope="col">
                faster<small>fewer MACs</small>
              </th>
            </tr>
          </thead>
          <tbody>
            {pairs.map(({ network, batch, dense, pruned, ratio, macs }) => (
              <tr key={`${network}/${batch}`}>
                <th scope="row">
                  {network}
                  <small>{atOnce(batch)}</small>
                </th>
                <td>
                  <Time row={dense} />
                </td>
                <td>
                  <Time row={pruned} />
                </td>
                <td>
                  <strong>{ratio === undefined ? "–" : times(ratio)}</strong>
                  <small>{times(macs)}</small>
                </td>
              </tr>
            ))}
            {single.map((row) => (
              <tr key={`${row.network}/${row.batch}/${row.variant}`}>
                <th scope="row">
                  {row.network}
                  <small>{atOnce(row.batch)}</small>
                </th>
                <td>{row.variant === "dense" ? <Time row={row} /> : "–"}</td>
                <td>{row.variant === "pruned" ? <Time row={row} /> : "–"}</td>
                <td>–</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="muted">
        <small>
          “Ready in” is the very first pass, with all that is prepared for it.
          {known && " “Right” is the share of test images that the network names correctly."}
        </small>
      </p>
      {!running && pairs.length > 0 && <Bars pairs={pairs} />}
    </section>
  );
}

/** Whatever is odd about a number stands beside it. */
function Time({ row }: { row: Row }) {
  if (row.medianMs === undefined) return <span class="odd">{row.reason ?? row.doubt ?? "not measured"}</span>;
  return (
    <>
      <Spread ms={row.medianMs} spreadMs={row.madMs ?? 0} />
      {row.coldMs !== undefined && (
        <small>
          ready in {row.coldMs < 1000 ? `${milliseconds(row.coldMs)}\u00a0ms` : duration(row.coldMs / 1000)}
        </small>
      )}
      {row.accuracy !== undefined && <small>{percent(row.accuracy, 1)}&nbsp;right</small>}
      {row.status === "retried" && <small class="odd">second try, the device was lost</small>}
      {row.drift !== undefined && row.drift > 1.15 && <small class="odd">{times(row.drift)} slower at the end</small>}
      {row.doubt && <small class="odd">{row.doubt}</small>}
    </>
  );
}
