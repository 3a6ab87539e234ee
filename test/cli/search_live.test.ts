/** `prune … --search` on the command line: with a played phone that comes to its server, with a record, and what is refused. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Io, PruneOptions, SearchDeviceOptions } from "../../src/cli/io.ts";
import { runProgram } from "../../src/cli/program.ts";
import type { ListenOptions } from "../../src/cli/server/listen.ts";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Survey } from "../../src/one_line/choose_recipe.ts";
import { expectedWithin, searchWords } from "../../src/report/device_search.ts";
import type { DeviceSearch } from "../../src/report/types.ts";
import { renderReport } from "../../src/report/html.ts";
import { formatSummary } from "../../src/cli/summary.ts";
import { parseDeviceSearch, parseReport } from "../../src/report/validate.ts";
import type { Asked } from "../../src/sweep/phones/desk.ts";
import { report, session } from "./fake.ts";

const test = suite("prune --search");
const b = builder("small", ["N", 4, 6, 6]);
const graph = b.graph([b.relu(b.conv(b.input, { name: "conv1", out: 8, kernel: 3, pad: 1, bias: true }))]);
const onnx = onnxBytes({ graph, params: initialise(graph, 1) });
const adapter = { vendor: "arm", architecture: "valhall", description: "", fallback: false };

const survey: Survey = {
  model: "net.onnx",
  data: "digits",
  params: 1000,
  macs: 1e6,
  images: 512,
  validation: 90,
  test: 150,
  norms: "batch",
  shortcuts: "none",
  imageMs: 0.1,
  known: { accuracy: 0.9, scored: 500, chance: 0.1 },
};
const found = { criterion: "l2", widths: [{ layer: "conv1", keep: 4, groups: 8 }], linear: [], words: "l2", looked: 9 };
const searched = (device: string, live: boolean): DeviceSearch => ({
  device,
  live,
  askedMs: 0.3,
  dense: { predictedMs: 0.6, measuredMs: 0.5 },
  candidates: 9,
  timed: live ? 9 : 0,
  finalists: [
    {
      choices: "l2",
      accuracy: 0.8,
      predictedMs: 0.36,
      correctedMs: 0.3,
      ...live && { measuredMs: 0.28, againMs: 0.27 },
      chosen: true,
    },
    {
      choices: "fpgm",
      accuracy: 0.7,
      predictedMs: 0.4,
      correctedMs: 0.3,
      ...live && { measuredMs: 0.29, againMs: 0.33 },
      chosen: false,
    },
  ],
});

/** A command line whose engine searches nothing: it has the device time what it is asked for. */
function commandLine(serving?: Partial<Awaited<ReturnType<Io["serving"]>>>, knows: Partial<Survey> = {}) {
  const asked: SearchDeviceOptions[] = [], runs: PruneOptions[] = [], finals: (number | undefined)[] = [];
  const own = session({
    surveyNetwork: () => Promise.resolve({ ...survey, ...knows }),
    async searchDevice(options) {
      asked.push(options);
      const times = await options.time?.([{ title: "the network", graph, expectedMs: 0.5 }], "first");
      if (times) assert.equal(times, [0.5]);
      const { device } = options;
      return { search: searched(device, times !== undefined), found: { ...found, ms: 0.27, device } };
    },
    async runPrune(options) {
      runs.push(options);
      finals.push(await options.timeFinal?.(graph));
      return report;
    },
  });
  const io: Io = serving ? { ...own.io, serving: () => Promise.resolve(serving as never) } : own.io;
  return { ...own, io, asked, runs, finals };
}

/** A server whose requests are made by hand. */
function playedServer() {
  const opened = Promise.withResolvers<ListenOptions>();
  const serving = {
    bundle: () => Promise.resolve(new Map()),
    lanAddresses: () => [],
    folder: () => "cache/server",
    qr: () => "[code]",
    listen(options: ListenOptions) {
      opened.resolve(options);
      const finished = new Promise<void>((resolve) => options.signal.addEventListener("abort", () => resolve()));
      return Promise.resolve({ port: 8443, finished });
    },
  };
  return { serving, opened: opened.promise };
}

/** Does what the page does when its button is pressed, in as many sessions as are wanted. */
async function phoneWorks({ handler }: ListenOptions, token: string): Promise<void> {
  const post = async (action: string, body: unknown) => {
    const request = new Request(`http://localhost:8443/api/work/${action}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return await (await handler(request, "127.0.0.1")).json();
  };
  for (let at = 0, told: Asked["is"] | undefined; told !== "ended";) {
    const asked = await post("ask", { session: `session-${at}`, name: "pixel8", adapter }) as Asked;
    told = asked.is;
    if (asked.is === "another session") at++;
    if (asked.is === "job") {
      const times = asked.job.timed.map((name) => ({ name, samplesMs: Array(8).fill(0.5), repeats: 1 }));
      const { shape } = asked.job;
      await new Promise((resolve) => setTimeout(resolve, 30));
      const answer = { shape, adapter, clock: "gpu timestamps", quantumMs: 0.001, times, paceMs: Array(8).fill(0.1) };
      await post("answer", { lease: asked.lease, answer: { ...answer, hidden: false } });
    } else await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

const LINE = ["prune", "net.onnx", "--data", "digits", "--ms", "0.3", "--search", "9", "--out", "runs/mine"];

test("a phone that comes builds the table, times what the search asks and what was trained, and is told to go", async () => {
  const { serving, opened } = playedServer();
  const own = commandLine(serving);
  await own.io.store.write("net.onnx", onnx);
  const running = runProgram([...LINE, "--device", "live", "--http", "--quiet"], own.io);
  const listening = await opened;
  const token = /#t=([\w-]+)/.exec(own.err.join("\n"))?.[1] ?? await tokenOf(own);
  await phoneWorks(listening, token);
  assert.is(await running, 0, own.err.join("\n"));
  assert.match(own.err.join("\n"), /\[code\]\n\nhttp:\/\/localhost:8443\/#t=/);
  assert.match(own.err.join("\n"), /Press Work for this sweep there, and keep the page in sight/);
  const [{ device, tables, limitMs, candidates, seed }] = own.asked;
  assert.equal([device, tables.length, tables[0].wholeMs, limitMs, candidates, seed], ["pixel8", 1, 0.5, 0.3, 9, 1]);
  assert.equal(own.finals, [0.5]);
  const kept = await own.io.store.list("runs");
  assert.equal(kept, ["runs/devices/pixel8.json", "runs/mine/recipe.yaml", "runs/mine/search.json"]);
  assert.ok(
    new TextDecoder().decode(await own.io.store.read("runs/mine/recipe.yaml")).includes("layers: conv1, keep: 0.5"),
  );
  assert.ok(listening.signal.aborted, "the server has ended");
});

/** The link is told a moment after the server listens. */
async function tokenOf({ err }: { readonly err: readonly string[] }): Promise<string> {
  for (;;) {
    const found = /#t=([\w-]+)/.exec(err.join("\n"));
    if (found) return found[1];
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("against a record nothing is served, and nothing is timed", async () => {
  const { serving, opened } = playedServer();
  const live = commandLine(serving);
  await live.io.store.write("net.onnx", onnx);
  const running = runProgram([...LINE, "--device", "live", "--http", "--quiet"], live.io);
  await phoneWorks(await opened, await tokenOf(live));
  await running;
  const own = commandLine();
  await own.io.store.write("net.onnx", onnx);
  await own.io.store.write("d.json", (await live.io.store.read("runs/devices/pixel8.json"))!);
  assert.is(
    await own.run(...LINE, "--device", "d.json", "--seed", "7", "--round", "4", "--exclude", "fc*"),
    0,
    own.err.join(),
  );
  const [{ device, time, seed, round, exclude }] = own.asked;
  assert.equal([device, time, seed, round, exclude], ["pixel8", undefined, 7, 4, ["fc*"]]);
  assert.equal(own.finals, [undefined]);
  const kept = parseDeviceSearch(
    JSON.parse(new TextDecoder().decode(await own.io.store.read("runs/mine/search.json"))),
    "s",
  );
  assert.equal(kept, searched("pixel8", false));
});

test("what doesn't go together, and a network that knows nothing, are refused before a server is opened", async () => {
  for (
    const [args, code, words] of [
      [[...LINE, "--device", "d.json", "--lan"], 2, "--lan is for --device live: give both"],
      [[...LINE, "--device", "d.json", "--port", "9"], 2, "--port is for --device live: give both"],
      [[...LINE, "--device", "live", "--lan", "--http"], 2, "leave one of --http and --lan out"],
      [[...LINE, "--device", "live", "--port", "x"], 2, "Expected a number from 0 to 65535"],
      [[...LINE, "--device", "live", "--search", "2"], 2, "--search 2: expected at least 4 networks"],
      [["prune", "net.onnx", "--data", "digits", "--ms", "4", "--device", "live"], 2, "add --search 40"],
      [
        ["prune", "net.onnx", "--data", "digits", "--search", "9"],
        2,
        "--search looks for the best network within a time",
      ],
      [["prune", "digits", "--device", "live"], 2, "--device live is for a search for a network of one's own"],
      [["prune", "digits", "--search", "9"], 2, "--search is for a network without a recipe"],
      [["prune", "--resume", "runs/x", "--search", "9"], 2, "--search is for a network without a recipe"],
      [[...LINE, "--device", "gone.json"], 1, "gone.json: no such file"],
    ] as [string[], number, string][]
  ) {
    const own = commandLine();
    await own.io.store.write("net.onnx", onnx);
    await own.io.store.write("d.json", new Uint8Array(1));
    assert.is(await own.run(...args), code, args.join(" "));
    assert.ok(own.err.length === 1 && own.err[0].includes(words), own.err.join("; "));
  }
  const fresh = commandLine(undefined, { known: { accuracy: 0.12, scored: 500, chance: 0.1 } });
  await fresh.io.store.write("net.onnx", onnx);
  assert.is(await fresh.run(...LINE, "--device", "live"), 1);
  assert.match(
    fresh.err[0],
    /net\.onnx has 12\.0 % of 500 training images right, where 10\.0 % takes no knowledge: train it first/,
  );
  const full = commandLine();
  await full.io.store.write("net.onnx", onnx);
  await full.io.store.write("runs/mine/notes.txt", new Uint8Array(1));
  assert.is(await full.run(...LINE, "--device", "live"), 1);
  assert.match(full.err[0], /runs\/mine is not empty/);
});

test("a report tells what was expected of finalists and what was measured, and says so where the time is missed", () => {
  const search = searched("pixel8", true);
  // |0.27 / 0.3 − 1| = 0.1 and |0.33 / 0.3 − 1| = 0.1.
  assert.ok(Math.abs(expectedWithin(search)! - 0.1) < 1e-9);
  assert.is(expectedWithin(searched("pixel8", false)), undefined);
  const met = { ...report, search: { ...search, finalMs: 0.28 } };
  assert.equal(parseReport(JSON.parse(JSON.stringify(met)), "report.json"), met);
  assert.is(
    searchWords(met.search),
    "the best of 9 networks for 0.300 ms on pixel8, of 0.500 ms: 0.280 ms there when measured again; finalists within 10 % of " +
      "what was expected",
  );
  assert.match(
    searchWords({ ...search, finalMs: 0.36 }),
    /0\.360 ms there when measured again, 20 % more than was asked for/,
  );
  assert.match(searchWords(search), /0\.270 ms there before it was trained; afterwards it wasn't measured/);
  assert.match(searchWords(searched("pixel8", false)), /0\.300 ms by its table, corrected; nothing was measured there/);
  const html = renderReport(met, { curves: [], residuals: [], layers: [], recipeYaml: "", versions: {} } as never);
  assert.match(html, /<h2>Search on pixel8<\/h2>/);
  assert.match(html, /0\.360 ms<\/td><td[^>]*>0\.300 ms<\/td><td[^>]*>0\.280 ms<\/td><td[^>]*>0\.270 ms/);
  assert.match(formatSummary(met, "r.html"), /fpgm +70\.00 % +0\.400 ms +0\.300 ms +0\.290 ms +0\.330 ms/);
});

test.run();
