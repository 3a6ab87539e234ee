/** No run is lost: what can be known is told before the first epoch, and a stage that only reports costs no network. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readModel, writeModel } from "../../src/formats/model_file.ts";
import { identityMap } from "../../src/graph/indexmap.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { HostTensor, Model } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { controlTraining } from "../../src/recipe/control_training.ts";
import { parseRecipe } from "../../src/recipe/schema.ts";
import { parseReport } from "../../src/report/validate.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/types.ts";
import { silentUi, type Ui } from "../../src/ui.ts";
import { complaint } from "../data/fixtures.ts";
import { onlyNightly } from "../long.ts";
import { admm, DIR, prune, retrain, tinyRecipe, train, verify } from "./tiny.ts";

const test = suite("stages that fail");
const measure = (...batches: number[]) => ({ kind: "measure", batches, seconds: 0.01 });
const compact = { kind: "compact" };
const half = (more: Record<string, unknown> = {}) => ({ kind: "magnitude", keep: 0.5, ...more });
const TOO_LARGE = 200_000;

test("a batch that the device can't bind is told before the first epoch", async () => {
  const store = memoryStore();
  const stages: string[] = [];
  const silent = silentUi();
  const said = await complaint(() =>
    prune(tinyRecipe([train(), admm(), compact, measure(2, TOO_LARGE)]), {
      store,
      ui: { ...silent, stage: (name, steps) => (stages.push(name), silent.stage(name, steps)) },
    })
  );
  assert.match(
    said,
    /^stages\.3 \(measure\): batch 200000: kernel [^\n]* binds \d+ bytes; this device binds at most \d+/,
  );
  assert.equal(stages, []);
  assert.equal(await store.list(DIR), [`${DIR}/recipe.yaml`]);
});

test("the network is written before it is measured", async () => {
  const store = memoryStore();
  const silent = silentUi();
  let there: string[] = [];
  await prune(tinyRecipe([train(1), half(), compact, measure(1)]), {
    store,
    ui: {
      ...silent,
      stage(name, steps) {
        if (name === "measure") void store.list(DIR).then((files) => there = files);
        return silent.stage(name, steps);
      },
    },
  });
  for (const name of ["model.onnx", "model.safetensors"]) assert.ok(there.includes(`${DIR}/${name}`), name);
  assert.not.ok(there.includes(`${DIR}/report.json`));
});

test("a measurement that fails costs its part of the report; resumed with other batches it is made up for", async () => {
  const recipe = (...batches: number[]) => tinyRecipe([train(1), half(), compact, measure(...batches)]);
  const { store, report } = await prune(recipe(1));
  const bytes = async (name: string) => (await store.read(`${DIR}/${name}`))!;
  const files = ["model.safetensors", "model.onnx"];
  const before = await Promise.all(files.map(bytes));
  const warnings: string[] = [];
  const endings: string[] = [];
  const ui: Ui = {
    ...silentUi(),
    stage: () => ({ update() {}, done: () => endings.push("done"), abandon: () => endings.push("abandoned") }),
    warn: (text) => warnings.push(text),
  };
  const failing = (await prune(recipe(TOO_LARGE, 2), { store, resume: true, ui })).report;
  assert.equal(failing.failed!.map(({ stage, kind }) => [stage, kind]), [[3, "measure"]]);
  assert.match(failing.failed![0].reason, /^batch 200000: kernel [^\n]+$/);
  assert.equal(endings, ["abandoned"]);
  assert.match(warnings[0], /^stages\.3 \(measure\) failed, and the run goes on without it: batch 200000: /);
  assert.equal(failing.latency.map(({ variant, batch }) => `${variant} ${batch}`), [
    "dense 2",
    "masked 2",
    "compact 2",
  ]);
  const written = new TextDecoder().decode(await bytes("report.json"));
  assert.equal(parseReport(JSON.parse(written), "report.json").failed, failing.failed);
  assert.match(new TextDecoder().decode(await bytes("report.html")), "Stage 3 (measure) failed:");
  assert.equal(await Promise.all(files.map(bytes)), before);

  const mended = (await prune(recipe(1, 2), { store, resume: true })).report;
  assert.is(mended.failed, undefined);
  assert.equal([...new Set(mended.latency.map(({ batch }) => batch))], [1, 2]);
  assert.equal(mended.final, report.final);
  assert.equal(await Promise.all(files.map(bytes)), before);
});

onlyNightly(test)(
  "controls that are changed are trained anew, as they would have been at first; a new measurement keeps them",
  async () => {
    const recipe = (...last: unknown[]) => tinyRecipe([train(1), half({ retrain: retrain() }), compact, ...last]);
    const controls = (epochs: number) => ({ kind: "controls", methods: ["random", "scratch"], epochs });
    const expected = (await prune(recipe(controls(2)))).report;
    const { store } = await prune(recipe(controls(1), measure(1)));
    const stages: string[] = [];
    const silent = silentUi();
    const ui = { ...silent, stage: (name: string, n: number) => (stages.push(name), silent.stage(name, n)) };
    const { report } = await prune(recipe(controls(2), measure(1)), { store, resume: true, ui });
    assert.equal(report.controls, expected.controls);
    assert.equal(stages, ["control: random", "control: scratch"]);
    stages.length = 0;
    await prune(recipe(controls(2), measure(2)), { store, resume: true, ui });
    assert.equal(stages, ["measure"]);
  },
);

/** A trained network of one's own, as a file. */
async function ownNetwork(model: Model): Promise<Store> {
  const store = memoryStore();
  await writeModel(store, "own", { model, dense: model, origin: identityMap(model.graph) });
  return store;
}

const onOwn = (stages: readonly unknown[]) => ({
  version: 1,
  name: "own",
  model: { name: "own/model.safetensors" },
  preprocess: { mean: [0.3], std: [0.35] },
  data: { name: "digits", limit: 200 },
  batch: 16,
  stages,
});

test("controls of one's own trained network, which no stage of the recipe trains", async () => {
  const graph = createModel("digits", { width: 0.25 });
  const store = await ownNetwork({ graph, params: initialise(graph, 1) });
  const recipe = (pruning: unknown, controls: Record<string, unknown>) =>
    parseRecipe(onOwn([pruning, compact, { kind: "controls", methods: ["scratch", "random"], ...controls }]), "test");
  const { report } = await prune(recipe(half(), { epochs: 1 }), { store });
  assert.equal(Object.keys(report.controls).sort(), ["random", "scratch"]);
  assert.is(report.failed, undefined);

  const other = await ownNetwork({ graph, params: initialise(graph, 1) });
  await prune(recipe(half({ retrain: retrain(2) }), {}), { store: other });
  const log = new TextDecoder().decode(await other.read(`${DIR}/log.jsonl`)).trim().split("\n").map((l) =>
    JSON.parse(l)
  );
  assert.equal(log.filter(({ phase }) => phase === "control: scratch").map(({ epoch }) => epoch), [1, 2]);

  assert.match(
    await complaint(() => prune(recipe(half(), {}), { store: memoryStore() })),
    /^recipe own: stages\.2: controls are trained for as long as the network was, .* give them epochs$/,
  );
});

test("how long and how controls are trained, by the stages before them", () => {
  const before = (...stages: unknown[]) => tinyRecipe([train(7), ...stages]).stages;
  const lr = (stages: Parameters<typeof controlTraining>[0], how: "changed" | "scratch") => {
    const { epochs, optimizer } = controlTraining(stages, how);
    return [epochs, optimizer.lr];
  };
  const whole = before(half({ steps: 2, retrain: retrain(3) }), { kind: "purify", retrain: retrain(1) });
  assert.equal([lr(whole, "changed"), lr(whole, "scratch")], [[7, 0.02], [7, 0.02]]);
  assert.equal(lr(before(half({ steps: 2, retrain: retrain(2) })), "changed"), [4, 0.02]);
  assert.equal(lr(before(half()), "changed"), [7, 0.02], "nothing retrained: as the baseline");
  const own = whole.slice(1);
  assert.equal([lr(own, "changed"), lr(own, "scratch")], [[7, 0.02], [7, 0.02]]);
  assert.equal(lr(before(half()).slice(1), "scratch"), [0, 0.01], "nothing trained: the defaults, for no epochs");
  const subnet = { kind: "subnet", epochs: 4, optimizer: { kind: "sgd", lr: 0.03 } };
  const depth = before({ kind: "search", k: 1 }, subnet, { kind: "merge" });
  assert.equal([lr(depth, "changed"), lr(depth, "scratch")], [[4, 0.03], [11, 0.02]]);
});

test("a compaction that can't be proved is left out, and the network stays as it was", async () => {
  const graph = createModel("resnet8", { size: 8, width: 0.125, inChannels: 1, classes: 10 });
  const params = new Map<string, HostTensor>(initialise(graph, 1));
  // A batch norm that takes a million away and adds it again: rounding alone changes what the network computes.
  const fill = (name: string, value: (i: number) => number) => {
    const { shape, data } = params.get(name)!;
    params.set(name, { shape, data: data.map((_, i) => value(i)) });
  };
  const { data: gamma } = params.get("bn1.weight")!;
  const variance = (i: number) => 1.7 + 0.1 * i;
  fill("bn1.running_var", variance);
  fill("bn1.running_mean", () => 1e6);
  fill("bn1.bias", (i) => 1e6 * gamma[i] / Math.sqrt(variance(i) + 1e-5));
  const store = await ownNetwork({ graph, params });
  const { report } = await prune(parseRecipe(onOwn([{ kind: "unused" }, compact, measure(1)]), "test"), { store });
  assert.equal(report.failed!.map(({ stage, kind }) => [stage, kind]), [[1, "compact"]]);
  assert.match(report.failed![0].reason, /so sensitive to rounding that nothing can be proved of it/);
  assert.equal(report.equivalence, { notProved: "stages.1 (compact) failed" });
  assert.is(report.final.params, report.baseline.params);
  assert.equal((await readModel(store, DIR)).model.graph, graph);
  assert.ok((await verify(store)).some(({ verdict }) => verdict === "not proved"));
});

test.run();
