/** A network of one's own made smaller here, without labels: files in, a slider, a proved ONNX file out. */
import { bytes, count, percent, short } from "../format.ts";
import { chosenFiles, droppedFiles } from "../given_files.ts";
import { removable } from "../shrink/flow.ts";
import type { PixelName, WayName } from "../shrink/types.ts";
import { diagnosis, fail, networks } from "../state/app.ts";
import { busy, flow, give, giveServed, saveShrunk, stopShrinking, tell, working } from "../state/shrink.ts";
import { Preview } from "./shrink_preview.tsx";
import { Shrunk } from "./shrunk.tsx";
import { Working } from "./working.tsx";

const PIXELS: Readonly<Record<PixelName, string>> = {
  file: "as the network's file says",
  measured: "mean 0 and deviation 1 over these images",
  imagenet: "ImageNet's mean and deviation",
  unit: "0 to 1",
  symmetric: "−1 to 1",
};
const WAYS: readonly { readonly way: WayName; readonly label: string; readonly what: string }[] = [
  { way: "width", label: "Fewer filters", what: "Filters go, and what reads them is fitted anew." },
  { way: "depth", label: "Fewer layers", what: "Blocks of layers become one linear layer each." },
];

export function Shrink() {
  if (diagnosis.value) return <p class="note">Networks are shrunk on WebGPU, which this browser doesn't have.</p>;
  const { network, images, most } = flow.value;
  return (
    <>
      <div class="columns">
        <Shrunk />
        <Given />
        {network && images && <Choice />}
        {most !== undefined && <Preview />}
      </div>
      <ShrinkBar />
    </>
  );
}

function Given() {
  const { network, images, files } = flow.value;
  const served = networks.value.filter(({ source }) => source === "served");
  return (
    <section class="card" aria-labelledby="shrink">
      <h2 id="shrink">Shrink this ONNX file here</h2>
      <p class="muted">
        A trained network and some images of what it sees: some hundreds do, labels aren't needed, and nothing is
        trained. All of it stays on this device.
      </p>
      <div
        class="drop"
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          event.preventDefault();
          void droppedFiles(event.dataTransfer).then(give, fail);
        }}
      >
        <FilesInput label="Network (.onnx)" accept=".onnx" />
        {served.map(({ title }) => (
          <button key={title} type="button" onClick={() => void giveServed(title)}>{title} of the server</button>
        ))}
        <FilesInput label="Images (.png, .jpg, or a .zip, .tar or .tar.gz of them)" accept={IMAGES} many />
        <FilesInput label="or a folder of images" folder />
        <small>or drop all of them here</small>
      </div>
      {network && (
        <p>
          <strong>{network.title}</strong>: images of {network.input.join("×")}, {short(network.cost.params)}{" "}
          parameters, {short(network.cost.macs)} MACs, {bytes(network.cost.bytes)}
        </p>
      )}
      {images && (
        <p>
          {count(images.fitted)} images to fit on, and {count(images.judged)} that it is judged by
        </p>
      )}
      {files.images > 0 && files.network === 0 && <p class="muted">The images are read once the network is here.</p>}
      {[...network?.notes ?? [], ...images?.notes ?? []].map((note) => <p key={note} class="note">{note}</p>)}
    </section>
  );
}

const IMAGES = ".png,.jpg,.jpeg,.zip,.tar,.tgz,.tar.gz,.gz,image/png,image/jpeg";

interface FilesInputProps {
  readonly label: string;
  readonly accept?: string;
  readonly many?: true;
  readonly folder?: true;
}

function FilesInput({ label, accept, many, folder }: FilesInputProps) {
  return (
    <label>
      {label}
      <input
        type="file"
        accept={accept}
        multiple={many}
        ref={(input) => {
          if (input && folder) input.webkitdirectory = true;
        }}
        onChange={({ currentTarget }) => {
          give(chosenFiles(currentTarget.files));
          currentTarget.value = "";
        }}
      />
    </label>
  );
}

function Choice() {
  const { network, way: chosen, pixels } = flow.value;
  const { ways } = network!;
  return (
    <section class="card" aria-label="How">
      <fieldset>
        <legend>How</legend>
        <div class="chips">
          {WAYS.map(({ way, label }) => (
            <label key={way} class="chip">
              <input
                type="radio"
                name="way"
                checked={way === chosen}
                disabled={"refused" in ways[way]}
                onChange={() => tell({ kind: "way", way })}
              />
              {label}
            </label>
          ))}
        </div>
        {WAYS.map(({ way, what, label }) => {
          const can = ways[way];
          if ("refused" in can) return <p key={way} class="muted">{label}: {can.refused}</p>;
          return way === chosen && <p key={way} class="muted">{what}</p>;
        })}
      </fieldset>
      <label class="line">
        Pixels as the network takes them
        <select
          value={pixels}
          onChange={(event) => tell({ kind: "pixels", pixels: event.currentTarget.value as PixelName })}
        >
          {network!.pixels.map((name) => <option key={name} value={name}>{PIXELS[name]}</option>)}
        </select>
      </label>
    </section>
  );
}

function ShrinkBar() {
  const now = working.value;
  const { most, removed, held, shrunk } = flow.value;
  if (now && busy.value) {
    return (
      <div class="run-bar">
        <Working id="shrinking" {...now} done={now.done / Math.max(1, now.total)} />
        <button type="button" onClick={stopShrinking}>Stop</button>
      </div>
    );
  }
  if (shrunk) {
    return (
      <div class="run-bar">
        <button type="button" class="primary" onClick={() => void saveShrunk()}>Download ONNX file</button>
      </div>
    );
  }
  const possible = most !== undefined && removable(most).length > 0;
  const again = held !== undefined && !possible;
  return (
    <div class="run-bar">
      <button
        type="button"
        class="primary"
        disabled={!possible && !again}
        onClick={() => {
          // The result comes first on the page.
          scrollTo({ top: 0 });
          tell({ kind: again ? "again" : "asked" });
        }}
      >
        {again ? "Try again" : possible ? `Shrink by ${percent(removed, 0)}` : "Shrink"}
      </button>
    </div>
  );
}
