/** Where the numbers go: to the server, to a file, to a friend. */
import { signal } from "@preact/signals";
import type { DeviceRecord } from "../../report/devices/record.ts";
import { download } from "../download.ts";
import { shareLink } from "../share.ts";
import { base, fail, outbox } from "../state/app.ts";

const told = signal("");

export function Actions({ record }: { record: DeviceRecord }) {
  const delivery = outbox.delivery.value;
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
      </div>
      <p role="status" class="muted">{told.value}</p>
    </section>
  );
}

function save(record: DeviceRecord): void {
  download(`${record.name}.json`, new TextEncoder().encode(JSON.stringify(record, null, 2) + "\n"), "application/json");
}

async function share(record: DeviceRecord): Promise<void> {
  try {
    const link = await shareLink(record, base);
    if (!link) told.value = "There are too many rows for a link: download them instead.";
    else if (navigator.share) await navigator.share({ title: `Secateur on ${record.name}`, url: link.href });
    else {
      await navigator.clipboard.writeText(link.href);
      told.value = "The link is in the clipboard; it holds the numbers themselves.";
    }
  } catch (error) {
    // Whoever closes the sheet has decided.
    if ((error as Error).name !== "AbortError") fail(error);
  }
}
