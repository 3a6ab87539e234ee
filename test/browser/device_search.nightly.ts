/**
 * Searches with a phone in the loop, by the commands themselves: Chromium opens the link that they print, and presses Work for this
 * sweep. First `serve --work` has it build a latency table, then `prune --search --device live` looks for the best network within
 * 0.7 of the time that the whole one took, has the finalists and the trained network timed again, and tells what was expected.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { expectedWithin } from "../../src/report/device_search.ts";
import { readDeviceRecord } from "../../src/report/devices/schema.ts";
import type { Report } from "../../src/report/types.ts";
import { openPhone, type Phone } from "./phone.ts";

const test = suite("a search with a phone");
const root = new URL("../../", import.meta.url).pathname;
const folder = await Deno.makeTempDir({ prefix: "secateur-search-" });
const shots = Deno.env.get("PAGE_SHOTS");
let phone: Phone;
test.before(async () => {
  phone = await openPhone();
  phone.page.setDefaultTimeout(120_000);
});
test.after(async () => {
  await phone.close();
  await Deno.remove(folder, { recursive: true });
});

/** Three times as wide as the recipe's, so that its layers take longer than their launches do. */
const RECIPE = `version: 1
name: wide
model: { name: digits, width: 3 }
data: { name: digits }
stages:
  - kind: train
    epochs: 6
    optimizer: { kind: sgd, lr: 0.05, momentum: 0.9, nesterov: true }
    schedule: { kind: cosine, warmup: 1 }
`;
const SHARE = 0.7;
const CANDIDATES = "12";

interface Running {
  /** All that it has said so far. */
  said(): string;
  /** Waits until the pattern has been said, and gives what was found. */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  readonly child: Deno.ChildProcess;
  /** The exit code, when it has ended. */
  ended(): Promise<number>;
}

/** A command in the folder, as a user's terminal has it. */
function start(...args: string[]): Running {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--cached-only", "--config", `${root}deno.json`, `${root}src/cli/main.ts`, ...args],
    cwd: folder,
    env: { NO_COLOR: "1", SECATEUR_CACHE: `${folder}/cache` },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let text = "";
  const collect = async (from: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const part of from.pipeThrough(new TextDecoderStream())) text += part;
  };
  const collected = Promise.all([collect(child.stdout), collect(child.stderr)]);
  let over = false;
  void child.status.then(() => over = true);
  return {
    child,
    said: () => text,
    async until(pattern) {
      for (;;) {
        const found = pattern.exec(text);
        if (found) return found;
        if (over) throw new Error(`it ended without ${pattern}:\n${text}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    async ended() {
      const { code } = await child.status;
      await collected;
      return code;
    },
  };
}

async function workFor(running: Running): Promise<void> {
  const [link] = await running.until(/http:\/\/localhost:\d+\/#t=[\w-]+/);
  const { page } = phone;
  await page.goto("about:blank");
  await page.goto(link);
  await page.locator("button.primary:enabled").waitFor();
  await page.getByRole("button", { name: "Work for this sweep" }).tap();
}

let denseMs: number;

test("serve --work: a page whose button is pressed builds the table", async () => {
  await Deno.writeTextFile(`${folder}/wide.yaml`, RECIPE);
  const training = start("train", "wide.yaml", "--no-tune", "--out", "wide");
  assert.is(await training.ended(), 0, training.said());
  await Deno.copyFile(`${folder}/wide/model.onnx`, `${folder}/net.onnx`);

  const serving = start("serve", "--work", "net.onnx", "--http", "--port", "0");
  await workFor(serving);
  const [, file] = await serving.until(/the latency table is done: (\S+\.json), for --device/);
  await phone.page.getByText("Everything is timed.").waitFor();
  serving.child.kill("SIGINT");
  assert.is(await serving.ended(), 0, serving.said());
  const record = readDeviceRecord(await Deno.readFile(`${folder}/${file}`), file);
  const [table] = record.tables!;
  assert.is(table.model, "net");
  assert.ok(table.wholeMs > 0 && table.layers.length >= 4);
  denseMs = table.wholeMs;
});

test("prune --search --device live: finalists take what was expected, and the trained network keeps the time", async () => {
  const search = async (denseMs: number) => {
    const ms = String(Number((SHARE * denseMs).toPrecision(3)));
    const running = start(
      ...["prune", "net.onnx", "--data", "digits", "--ms", ms, "--search", CANDIDATES, "--device", "live"],
      ...["--http", "--port", "0", "--epochs", "2", "--no-tune", "--out", "found"],
    );
    await workFor(running);
    await running.until(/has come/);
    if (shots) await phone.page.screenshot({ path: `${shots}/search_work.png`, fullPage: true });
    return { code: await running.ended(), said: running.said() };
  };
  let { code, said } = await search(denseMs);
  // The machine may have been busier while the table was built.
  const [, nowMs] = /takes ([\d.]+) ms on \S+ as it is/.exec(said) ?? [];
  if (nowMs !== undefined) ({ code, said } = await search(Number(nowMs)));
  assert.is(code, 0, said);
  const { search: told, final }: Report = JSON.parse(await Deno.readTextFile(`${folder}/found/report.json`));
  console.log(
    said.split("\n").filter((line) => /^(search|budget|finalist|l2|taylor|fpgm|warning)/.test(line)).join(
      "\n",
    ),
  );
  assert.ok(told!.live && told!.finalists.length > 0);
  assert.ok(told!.finalists.every(({ againMs }) => againMs !== undefined));
  assert.ok(expectedWithin(told!)! <= 0.15, `finalists are ${expectedWithin(told!)} from what was expected`);
  assert.ok(told!.finalMs! <= told!.askedMs, `${told!.finalMs} ms, of ${told!.askedMs} asked for`);
  assert.ok(final.accuracy!.test > 0.95, String(final.accuracy!.test));
  const html = await Deno.readTextFile(`${folder}/found/report.html`);
  assert.match(html, /Search on /);
});

test.run();
