/** What is to be timed, and how. */
import { percent, short } from "../format.ts";
import { type BackendName, BACKENDS } from "../fallback/backend.ts";
import type { NetworkEntry } from "../messages.ts";
import {
  addFile,
  backend,
  batches,
  chosen,
  detail,
  diagnosis,
  f16,
  mode,
  name,
  networks,
  refusedBackends,
  toggle,
} from "../state/app.ts";

const BATCHES = [1, 8, 32];
const LABEL: Readonly<Record<BackendName, string>> = {
  "gpu.js webgl2": "WebGL2 (gpu.js)",
  "webassembly": "WebAssembly (im2col)",
  "gpu.js webasm": "WebAssembly (gpu.js)",
  "gpu.js cpu": "JavaScript (gpu.js)",
};

export function Choice() {
  return (
    <form onSubmit={(event) => event.preventDefault()}>
      <fieldset>
        <legend>Networks</legend>
        {networks.value.length === 0 && <p class="muted">Looking which there are …</p>}
        <ul class="choices">
          {networks.value.map((entry) => <NetworkChoice key={entry.id} entry={entry} />)}
        </ul>
        {!diagnosis.value && <FileChoice />}
      </fieldset>
      {diagnosis.value && <BackendChoice />}
      <fieldset>
        <legend>How many images at once</legend>
        <div class="chips">
          {BATCHES.map((batch) => (
            <label key={batch} class="chip">
              <input type="checkbox" checked={batches.value.has(batch)} onChange={() => toggle(batches, batch)} />
              {batch}
            </label>
          ))}
        </div>
        <p class="muted">
          A network can answer for several images in one pass: a camera asks for one, a folder of photos for many.
        </p>
      </fieldset>
      <fieldset>
        <legend>How long</legend>
        <div class="chips">
          <label class="chip">
            <input type="radio" name="mode" checked={mode.value === "burst"} onChange={() => mode.value = "burst"} />
            Burst
          </label>
          <label class="chip">
            <input
              type="radio"
              name="mode"
              checked={mode.value === "sustained"}
              onChange={() => mode.value = "sustained"}
            />
            Sustained
          </label>
        </div>
        <p class="muted">
          {mode.value === "burst"
            ? "A second for each: what a phone does when it is asked something now and then."
            : "A minute for each, without rest: phones get warm and slow, and the ranking may change."}
        </p>
        {!diagnosis.value && (
          <label class="line">
            <input type="checkbox" checked={f16.value} onChange={() => f16.value = !f16.value} />
            Keep numbers in 16 bits (f16) where this device can; says how far that moves the outputs
          </label>
        )}
        {!diagnosis.value && (
          <label class="line">
            <input type="checkbox" checked={detail.value} onChange={() => detail.value = !detail.value} />
            Afterwards also each layer, and single kernels against what the device can do at most: takes minutes
          </label>
        )}
        <label class="line">
          Name of this device
          <input
            type="text"
            maxLength={64}
            value={name.value}
            autocomplete="off"
            onInput={(event) => name.value = event.currentTarget.value}
          />
        </label>
      </fieldset>
    </form>
  );
}

function BackendChoice() {
  return (
    <fieldset>
      <legend>Computed by</legend>
      {backend.value === undefined && <p class="muted">Looking what can compute here …</p>}
      <div class="chips">
        {BACKENDS.map((id) => (
          <label key={id} class="chip">
            <input type="radio" name="backend" checked={backend.value === id} onChange={() => backend.value = id} />
            {LABEL[id]}
          </label>
        ))}
      </div>
      {refusedBackends.value.map(({ backend, reason }) => (
        <p key={backend} class="muted">{LABEL[backend]} can't be used: {reason}</p>
      ))}
    </fieldset>
  );
}

function NetworkChoice({ entry }: { entry: NetworkEntry }) {
  const [{ params, macs }] = entry.variants;
  const { accuracy } = entry;
  const source =
    { bundled: "", served: "file on the server, ", run: "run on the server, ", file: "your file, " }[entry.source];
  return (
    <li>
      <label class="choice">
        <input type="checkbox" checked={chosen.value.has(entry.id)} onChange={() => toggle(chosen, entry.id)} />
        <span>
          <strong>{entry.title}</strong>
          <small>{source}{short(params)} parameters, {short(macs)}&nbsp;MACs</small>
          {accuracy && (
            <small>{percent(accuracy.dense, 1)} of test images right, pruned {percent(accuracy.pruned, 1)}</small>
          )}
        </span>
      </label>
    </li>
  );
}

function FileChoice() {
  return (
    <div
      class="drop"
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        for (const file of event.dataTransfer?.files ?? []) void addFile(file);
      }}
    >
      <label>
        Add a network of yours (.onnx, .safetensors): it stays on this device
        <input
          type="file"
          accept=".onnx,.safetensors"
          onChange={(event) => {
            for (const file of event.currentTarget.files ?? []) void addFile(file);
            event.currentTarget.value = "";
          }}
        />
      </label>
    </div>
  );
}
