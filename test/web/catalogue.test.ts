/** The networks that the page's worker offers: bundled, of the server's runs, and dropped. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { initialise } from "../../src/graph/initialise.ts";
import { createModel } from "../../src/models/zoo.ts";
import { createCatalogue, forSession } from "../../src/web/engine/catalogue.ts";
import { fileNetwork } from "../../src/web/engine/file.ts";
import type { ListedNetwork } from "../../src/report/listed_network.ts";
import type { ListedRun } from "../../src/report/listed_run.ts";
import { createServer } from "../../src/web/engine/server.ts";
import { channelsLast } from "../generate/channels_last.ts";

const test = suite("the worker's networks");
/** models/ lies there as beside the served page. */
const page = new URL("../../src/web/", import.meta.url);
const model = await Deno.readFile(new URL("models/digits.safetensors", page));

const RUN: ListedRun = {
  name: "mine",
  dense: { params: 2, macs: 20 },
  pruned: { params: 1, macs: 10 },
  input: [1, 8, 8],
  accuracy: { dense: 0.99, pruned: 0.98 },
};

const denseDigits = { graph: createModel("digits"), params: initialise(createModel("digits"), 1) };
const { params, macs } = graphCost(denseDigits.graph);
const SERVED: ListedNetwork = { name: "my net.onnx", params, macs, input: [1, 8, 8] };

async function withServer(work: (base: URL, stop: () => Promise<void>) => Promise<void>): Promise<void> {
  const http = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, ({ url, headers }) => {
    if (headers.get("authorization") !== "Bearer secret") return new Response("", { status: 401 });
    if (url.endsWith("/api/networks")) return Response.json([SERVED]);
    if (url.endsWith("/api/networks/my%20net.onnx")) return new Response(onnxBytes(denseDigits));
    if (url.endsWith("/api/runs")) return Response.json([RUN]);
    return new Response(url.endsWith("/api/runs/mine/model.safetensors") ? model : "", {});
  });
  let stopped: Promise<void> | undefined;
  const stop = () => stopped ??= http.shutdown();
  try {
    await work(new URL(`http://127.0.0.1:${http.addr.port}/`), stop);
  } finally {
    await stop();
  }
}

test("a run's networks are its result and the one it began with", async () => {
  await withServer(async (base, stop) => {
    const catalogue = createCatalogue(page, createServer(base, "secret"));
    assert.equal((await catalogue.list()).filter(({ source }) => source === "run").map(({ id }) => id), ["run:mine"]);
    const [{ models }] = await catalogue.networks(["run:mine"]);
    const [dense, pruned] = [await models.dense!(), await models.pruned!()];
    assert.ok(graphCost(pruned.graph).params < graphCost(dense.graph).params / 5);
    assert.equal([...dense.params.keys()].sort(), Object.keys(dense.graph.params).sort());

    await stop();
    assert.is((await catalogue.list()).at(-1)!.id, "run:mine", "it is still there while the server is away");
    const [again] = await catalogue.networks(["run:mine"]);
    const error = await again.models.pruned!().catch((error) => error);
    assert.instance(error, UserError);
    assert.match(error.message, /^could not reach 127\.0\.0\.1:\d+ for \/api\/runs\/mine\/model\.safetensors: /);
  });
});

test("a file that the server was started with comes first, and is fetched when it is to be timed", async () => {
  await withServer(async (base) => {
    const catalogue = createCatalogue(page, createServer(base, "secret"));
    const [first] = await catalogue.list();
    assert.equal([first.id, first.title, first.source], ["served:my net.onnx", "my net.onnx", "served"]);
    const [{ models }] = await catalogue.networks([first.id]);
    const [dense, pruned] = [await models.dense!(), await models.pruned!()].map(({ graph }) => graphCost(graph).macs);
    assert.ok(dense === SERVED.macs && pruned < 0.6 * dense, `${pruned} of ${dense}`);
  });
});

test("without a token, or with a wrong one, there are no files and no runs", async () => {
  await withServer(async (base) => {
    for (const token of [undefined, "wrong"]) {
      const list = await createCatalogue(page, createServer(base, token)).list();
      assert.ok(list.length > 0 && list.every(({ source }) => source === "bundled"));
    }
  });
});

test("networks of one title are told apart where they are timed together", async () => {
  const catalogue = createCatalogue(page, createServer(page, undefined));
  const graph = createModel("digits");
  const network = await fileNetwork("net.onnx", onnxBytes({ graph, params: initialise(graph, 1) }));
  catalogue.add({ ...network, entry: { ...network.entry, id: "file:mine", title: "ResNet-20" } });
  const networks = await catalogue.networks(["digits", "resnet20", "file:mine"]);
  assert.equal(forSession(networks).map(({ network, variant }) => `${network} ${variant}`), [
    ...["Digits dense", "Digits pruned"],
    ...["ResNet-20 (resnet20) dense", "ResNet-20 (resnet20) pruned"],
    ...["ResNet-20 (file:mine) dense", "ResNet-20 (file:mine) pruned"],
  ]);
  const error = await catalogue.networks(["none"]).catch((error) => error);
  assert.match(error.message, /^no network is called "none" here: there are digits, .*file:mine$/);
  catalogue.remove("file:mine");
  assert.not((await catalogue.list()).some(({ id }) => id === "file:mine"));
});

test("a network of the zoo comes once more with a linear layer for each block that one saves something for", async () => {
  const catalogue = createCatalogue(page, createServer(page, undefined));
  const [{ entry, models }] = await catalogue.networks(["mobilenetv2-cifar:linear"]);
  assert.is(entry.title, "MobileNetV2, 32×32, a linear layer for each block");
  const [dense, pruned] = [await models.dense!(), await models.pruned!()];
  const layers = pruned.graph.nodes.filter(({ name }) => name.endsWith(".linear"));
  // 17 blocks, of which the first one is cheaper than a dense convolution.
  assert.is(layers.length, 16);
  assert.ok(graphCost(pruned.graph).macs < 0.8 * graphCost(dense.graph).macs);
  const zeros = pruned.params.get(layers[0].inputs[1])!.data.filter((weight) => weight === 0).length;
  assert.is(zeros, 0, "zeros would let the tuner choose another kernel");
});

test("a file of images whose channels stand last is timed with images [C,H,W]", async () => {
  const graph = channelsLast(createModel("resnet8"));
  const network = await fileNetwork("last.onnx", onnxBytes({ graph, params: initialise(graph, 1) }));
  assert.equal(network.entry.input, [3, 32, 32]);
  const { graph: pruned } = await network.models.pruned!();
  assert.equal(pruned.inputs[0].shape, ["N", 3, 32, 32]);
  assert.not(pruned.nodes.some(({ op }) => op === "Transpose"));
});

test.run();
