/** What would be left, for any place of the slider, before anything is made. */
import type { Cost } from "../../graph/cost.ts";
import { bytes, percent, short } from "../format.ts";
import { REMOVABLE, removable } from "../shrink/flow.ts";
import type { PredictedPart } from "../shrink/types.ts";
import { flow, tell } from "../state/shrink.ts";

export function Preview() {
  const { most, removed, predictions, way } = flow.value;
  const places = removable(most!);
  const prediction = predictions.get(removed);
  if (places.length === 0) {
    return (
      <p class="note warn">
        At most {percent(most!, 1)} of the multiply-adds can go in this way, and the least that is offered is{" "}
        {percent(REMOVABLE[0], 0)}.
      </p>
    );
  }
  return (
    <section class="card" aria-labelledby="preview">
      <h2 id="preview">What would be left</h2>
      <label>
        Multiply-adds removed: <strong>{percent(removed, 0)}</strong>
        <input
          type="range"
          min={100 * places[0]}
          max={Math.round(100 * places[places.length - 1])}
          step={5}
          value={Math.round(100 * removed)}
          onInput={(event) => tell({ kind: "removed", removed: Number(event.currentTarget.value) / 100 })}
        />
      </label>
      {places.length < REMOVABLE.length && (
        <p class="muted">More than {percent(places[places.length - 1], 0)} can't go in this way.</p>
      )}
      {!prediction ? <p class="muted">Predicting …</p> : (
        <>
          <Sizes caption="By what looking has found; nothing is made yet" {...prediction} />
          {prediction.loss !== undefined && (
            <p class="muted">
              Layer by layer, outputs would be off by about {percent(prediction.loss, 1)} of how much they vary.
            </p>
          )}
          <details>
            <summary>{way === "width" ? "Layer by layer" : "Block by block"}</summary>
            <Parts parts={prediction.parts} />
          </details>
        </>
      )}
    </section>
  );
}

/** Before and after, in the three costs. */
export function Sizes({ caption, before, after }: { caption: string; before: Cost; after: Cost }) {
  const rows = [
    ["MACs", short, before.macs, after.macs],
    ["parameters", short, before.params, after.params],
    ["weights", bytes, before.bytes, after.bytes],
  ] as const;
  return (
    <table>
      <caption>{caption}</caption>
      <thead>
        <tr>
          <td />
          <th scope="col">before</th>
          <th scope="col">after</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([name, format, was, is]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{format(was)}</td>
            <td>
              {format(is)}
              <small>{percent(1 - is / was, 1)} gone</small>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Parts({ parts }: { parts: readonly PredictedPart[] }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Parts of the network">
      <table class="parts">
        <thead>
          <tr>
            <th scope="col">part</th>
            <th scope="col">stays</th>
            <th scope="col">MACs</th>
            <th scope="col">parameters</th>
            <th scope="col">bytes</th>
          </tr>
        </thead>
        <tbody>
          {parts.map(({ name, filters, linear, before, after }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>
                {filters && (
                  <>
                    {filters.kept} of {filters.of}
                    <meter min={0} max={filters.of} value={filters.kept} aria-label={`Filters of ${name} that stay`} />
                  </>
                )}
                {linear && (
                  <>
                    {linear.replaced ? "one layer" : "as it is"}
                    <small>R² {linear.r2.toFixed(3)}</small>
                  </>
                )}
              </td>
              <Change was={before.macs} is={after.macs} format={short} />
              <Change was={before.params} is={after.params} format={short} />
              <Change was={before.bytes} is={after.bytes} format={bytes} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Change({ was, is, format }: { was: number; is: number; format: (value: number) => string }) {
  return (
    <td>
      {format(is)}
      {is !== was && <small>of {format(was)}</small>}
    </td>
  );
}
