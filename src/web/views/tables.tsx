/** Latency tables: what a budget in ms is computed from. */
import { atOnce } from "../../measure/session/at_once.ts";
import type { LatencyTable } from "../../measure/latency/types.ts";
import { milliseconds } from "../format.ts";
import { networks, running } from "../state/app.ts";
import { batch, buildTable, network } from "../state/table.ts";

const BATCHES = [1, 8, 32];

export function Tables({ tables }: { tables: readonly LatencyTable[] }) {
  return (
    <section class="card" aria-labelledby="tables">
      <h2 id="tables">Latency table</h2>
      <p class="muted">
        How long each layer takes at many widths: with it, pruning can aim at milliseconds on this device. A minute or
        two.
      </p>
      {tables.length > 0 && (
        <ul class="checks">
          {tables.map(({ model, batch, wholeMs, layers }) => (
            <li key={`${model}/${batch}`}>
              <span aria-hidden="true">✓</span>
              <span>
                <strong>{model}</strong>, {atOnce(batch)}
                <small>
                  {layers.length} shapes of layers,{" "}
                  {layers.reduce((sum, { medianMs }) => sum + medianMs.flat().length, 0)} times; the whole takes{" "}
                  {milliseconds(wholeMs)}&nbsp;ms
                </small>
              </span>
            </li>
          ))}
        </ul>
      )}
      {!running.value && (
        <div class="line">
          <label>
            Network
            <select value={network.value} onChange={(event) => network.value = event.currentTarget.value}>
              {networks.value.map(({ id, title }) => <option key={id} value={id}>{title}</option>)}
            </select>
          </label>
          <label>
            Images at once
            <select value={batch.value} onChange={(event) => batch.value = Number(event.currentTarget.value)}>
              {BATCHES.map((size) => <option key={size} value={size}>{size}</option>)}
            </select>
          </label>
          <button type="button" onClick={() => void buildTable()}>Build table</button>
        </div>
      )}
    </section>
  );
}
