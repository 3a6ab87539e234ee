/** Where the numbers go: to the server, to a file, to a friend, as a picture. */
import { signal } from "@preact/signals";
import type { DeviceRecord } from "../../report/devices/record.ts";
import { download } from "../download.ts";
import { pictureFile } from "../picture/picture_canvas.ts";
import { pictureContent } from "../picture/picture_content.ts";
import { shareLink } from "../share.ts";
import { base, fail, outbox } from "../state/app.ts";

const told = signal("");
/** A link that the browser wouldn't put into the clipboard: it is there to be copied by hand. */
const uncopied = signal<string | undefined>(undefined);

export function Actions({ record }: { record: DeviceRecord }) {
  const delivery = outbox.delivery.value;
  const picture = pictureContent(record) !== undefined;
  return (
    <section class="card actions" aria-label="Results">
      <p role="status">
        {delivery.state === "sending" && "Being sent to the server …"}
        {delivery.state === "sent" && `Kept by the server in ${delivery.file}.`}
        {delivery.state === "waiting" && `Waiting in this browser until the server takes it: ${delivery.reason}.`}
        {delivery.state === "refused" && `The server refused it: ${delivery.reason}`}
        {delivery.state === "no server" && "This page has no server to keep results: take them with you."}
      </p>
      <div class="chips">
        <button type="button" onClick={() => save(record)}>Download</button>
        <button type="button" onClick={() => void share(record)}>Share link</button>
        {picture && <button type="button" onClick={() => void savePicture(record)}>Save picture</button>}
        {picture && sharesPictures() && (
          <button type="button" onClick={() => void sharePicture(record)}>Share picture</button>
        )}
      </div>
      <p role="status" class="muted">{told.value}</p>
      {uncopied.value !== undefined && (
        <label class="line">
          The link
          <input
            type="text"
            readOnly
            value={uncopied.value}
            onFocus={(event) => event.currentTarget.select()}
          />
        </label>
      )}
    </section>
  );
}

function save(record: DeviceRecord): void {
  download(`${record.name}.json`, new TextEncoder().encode(JSON.stringify(record, null, 2) + "\n"), "application/json");
}

async function share(record: DeviceRecord): Promise<void> {
  uncopied.value = undefined;
  const link = await shareLink(record, base);
  if (!link) told.value = "There are too many rows for a link: download them instead.";
  else if (typeof navigator.share === "function") {
    await handOver({ title: `Secateur on ${record.name}`, url: link.href });
  } else {
    try {
      await navigator.clipboard.writeText(link.href);
      told.value = "The link is in the clipboard; it holds the numbers themselves.";
    } catch {
      told.value = "This browser doesn't let the page copy the link; it holds the numbers themselves.";
      uncopied.value = link.href;
    }
  }
}

async function pngOf(record: DeviceRecord): Promise<File> {
  return new File([await pictureFile(pictureContent(record)!)], `${record.name}.png`, { type: "image/png" });
}

async function savePicture(record: DeviceRecord): Promise<void> {
  const file = await pngOf(record);
  download(file.name, new Uint8Array(await file.arrayBuffer()), file.type);
}

/** Phones hand files to other apps; most computers don't. */
function sharesPictures(): boolean {
  const files = [new File([], "picture.png", { type: "image/png" })];
  return navigator.canShare?.({ files }) ?? false;
}

async function sharePicture(record: DeviceRecord): Promise<void> {
  await handOver({ title: `Secateur on ${record.name}`, files: [await pngOf(record)] });
}

async function handOver(data: ShareData): Promise<void> {
  try {
    await navigator.share(data);
  } catch (error) {
    // Whoever closes the sheet has decided.
    if ((error as Error).name !== "AbortError") fail(error);
  }
}
