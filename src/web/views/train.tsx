/** Training and pruning here, on this device. */
import { useEffect } from "preact/hooks";
import { logAxis, percentAxis } from "../../report/charts/scale.ts";
import { count, percent, points, times } from "../format.ts";
import { Curve } from "../charts/curve.tsx";
import { diagnosis } from "../state/app.ts";
import { Working } from "./working.tsx";
import { curves, found, kept, left, look, notes, now, save, stopTraining, train, training } from "../state/training.ts";

export function Train() {
  useEffect(() => void look(), []);
  if (diagnosis.value) return <p class="note">Networks are trained on WebGPU, which this browser doesn't have.</p>;
  return (
    <>
      <section class="card" aria-labelledby="train">
        <h2 id="train">Train and prune here</h2>
        <div class="columns">
          <div>
            <p class="muted">
              The recipe “digits”, as on a server: a small network learns 1,221 handwritten digits, ADMM pulls whole
              filters to zero, and what is left is compacted and proved equal. Kept in this browser: it can be stopped
              and resumed.
            </p>
            <Progress />
            {found.value && <Found />}
          </div>
          {curves.value.loss.length > 1 && (
            <div class="beside">
              <Curve
                title="Training loss"
                samples={curves.value.loss.filter(({ value }) => value > 0)}
                stages={curves.value.stages}
                axis={(values) => logAxis(values, 5)}
                format={(v) => v.toFixed(2)}
              />
              <Curve
                title="Validation accuracy"
                samples={curves.value.accuracy}
                stages={curves.value.stages}
                axis={(values) => percentAxis(values, 5)}
                format={(v) => percent(v, 0)}
              />
            </div>
          )}
          <div>
            {notes.value.length > 0 && <ol class="notes">{notes.value.map((note, i) => <li key={i}>{note}</li>)}</ol>}
            {!training.value && kept.value?.finished && (
              <div class="chips">
                <button type="button" onClick={() => void save("model.onnx", "application/octet-stream")}>
                  model.onnx
                </button>
                <button type="button" onClick={() => void save("report.html", "text/html")}>report.html</button>
              </div>
            )}
          </div>
        </div>
      </section>
      <div class="run-bar">
        {training.value ? <button type="button" onClick={stopTraining}>Stop</button> : (
          <>
            {kept.value?.resumable && (
              <button type="button" class="primary" onClick={() => void train(true)}>Resume</button>
            )}
            <button type="button" class={kept.value?.resumable ? "" : "primary"} onClick={() => void train(false)}>
              {kept.value?.resumable || kept.value?.finished ? "Start anew" : "Train"}
            </button>
          </>
        )}
      </div>
    </>
  );
}

function Progress() {
  const event = now.value;
  if (!training.value) return null;
  return (
    <Working
      id="training"
      text={event ? event.note || event.stage : "opening the device"}
      done={event?.progress ?? 0}
      left={left.value}
    >
      <small>
        {event?.loss !== undefined && `loss ${event.loss.toFixed(3)}`}
        {event?.accuracy !== undefined && ` accuracy ${percent(event.accuracy)}`}
      </small>
    </Working>
  );
}

function Found() {
  const { accuracy, params, macs } = found.value!;
  return (
    <table>
      <caption>On the test images, which chose nothing</caption>
      <thead>
        <tr>
          <td />
          <th scope="col">dense</th>
          <th scope="col">pruned</th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <th scope="row">accuracy</th>
          <td>{percent(accuracy.dense)}</td>
          <td>
            {percent(accuracy.pruned)}
            <small>{points(accuracy.pruned - accuracy.dense)}</small>
          </td>
        </tr>
        <tr>
          <th scope="row">parameters</th>
          <td>{count(params.dense)}</td>
          <td>
            {count(params.pruned)}
            <small>{times(params.dense / params.pruned)} fewer</small>
          </td>
        </tr>
        <tr>
          <th scope="row">MACs</th>
          <td>{count(macs.dense)}</td>
          <td>
            {count(macs.pruned)}
            <small>{times(macs.dense / macs.pruned)} fewer</small>
          </td>
        </tr>
      </tbody>
    </table>
  );
}
