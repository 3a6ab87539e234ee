/** What a user does on the phone page, by touch: opens it, drops a network, chooses, runs, waits. */
import type { Page } from "playwright-core";
import type { DeviceRecord } from "../../src/report/devices/record.ts";
import { openPhone, type Phone, type PhoneOptions, type PhoneServer, type ServedPage, servePage } from "./phone.ts";
import { smallOnnx } from "./small_networks.ts";

/** SwiftShader on a busy machine is slow; nothing here is a measurement but where it says so. */
const PATIENCE_MS = 120_000;

export interface PageDriver {
  readonly server: PhoneServer;
  readonly phone: Phone;
  readonly page: Page;
  /** Loads the page anew. */
  open(): Promise<void>;
  /** Drops an ONNX file on the page and gives its bytes; default "small.onnx". */
  drop(name?: string, bytes?: Uint8Array<ArrayBuffer>): Promise<Uint8Array>;
  /** Leaves these networks and batch sizes, and no more than their rows. */
  choose(networks: readonly RegExp[], batches: readonly string[]): Promise<void>;
  run(): Promise<void>;
  finished(): Promise<void>;
  /** Waits until the server has the record. */
  kept(): Promise<void>;
  /** The last record that the server took. */
  last(): DeviceRecord;
  close(): Promise<void>;
}

export interface DriverOptions extends PhoneOptions, ServedPage {}

/** Serves the page, and opens a phone for it that has an empty page. */
export async function drivePage({ files, networks, work, ...options }: DriverOptions = {}): Promise<PageDriver> {
  const server = await servePage({ files, networks, work });
  const phone = await openPhone(options);
  const { page } = phone;
  page.setDefaultTimeout(PATIENCE_MS);
  return {
    server,
    phone,
    page,
    async open() {
      await page.goto("about:blank");
      await page.goto(server.link);
      await page.locator("button.primary:enabled").waitFor();
    },
    async drop(name = "small.onnx", bytes = smallOnnx()) {
      await page.evaluate(([name, text]) => {
        const dropped = new DataTransfer();
        dropped.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name));
        document.querySelector(".drop")!.dispatchEvent(new DragEvent("drop", { dataTransfer: dropped, bubbles: true }));
      }, [name, bytes.toBase64()]);
      await page.getByRole("checkbox", { name, checked: true }).waitFor();
      return bytes;
    },
    async choose(networks, batches) {
      const fold = page.locator("details.fold:not([open]) summary");
      if (await fold.count() > 0) await fold.tap();
      for (const box of await page.locator(".choices input").all()) await box.uncheck();
      for (const name of networks) await page.getByRole("checkbox", { name }).check();
      for (const name of ["1", "8", "32"]) {
        await page.getByRole("checkbox", { name, exact: true }).setChecked(batches.includes(name));
      }
      await page.getByRole("checkbox", { name: /each layer/ }).uncheck();
    },
    run: () => page.getByRole("button", { name: /^Run/ }).tap(),
    finished: () => page.getByRole("button", { name: "Run again" }).waitFor(),
    kept: () => page.getByText("Kept by the server").waitFor(),
    last: () => server.records.at(-1)!,
    async close() {
      await phone.close();
      await server.stop();
    },
  };
}
