/** `verify` believes nothing: whatever was changed in a run's folder after the run comes to light. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readModel, writeModel } from "../../src/formats/model_file.ts";
import { memoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/types.ts";
import { complaint } from "../data/fixtures.ts";
import { silentUi } from "../../src/ui.ts";
import { verifyRun } from "../../src/run/verify.ts";
import { testGpu } from "../gpu.ts";
import { admm, DIR, loadTiny, prune, tinyRecipe, train, verify } from "./tiny.ts";

const test = suite("verify");
const finished = prune(tinyRecipe([
  train(2),
  admm({ steps: 1, updates: 1 }),
  { kind: "compact" },
  { kind: "measure", batches: [1], seconds: 0.01 },
]));

/** The finished run in a store of its own. */
async function copy(): Promise<Store> {
  const { store } = await finished;
  const own = memoryStore();
  for (const file of await store.list(DIR)) await own.write(file, (await store.read(file))!);
  return own;
}

async function editReport(store: Store, edit: (report: Json) => void): Promise<void> {
  const report = JSON.parse(new TextDecoder().decode(await store.read(`${DIR}/report.json`)));
  edit(report);
  await store.write(`${DIR}/report.json`, new TextEncoder().encode(JSON.stringify(report)));
}

// deno-lint-ignore no-explicit-any
type Json = any;

async function failures(store: Store): Promise<string[]> {
  return (await verify(store)).filter(({ verdict }) => verdict === "differs").map(({ name }) => name);
}

test("a run as it was left: every check passes", async () => {
  const checks = await verify(await copy());
  assert.equal(checks.filter(({ verdict }) => verdict === "differs"), []);
  for (const name of ["parameters", "MACs", "accuracy, test", "compact = masked, largest relative difference"]) {
    assert.ok(checks.some((check) => check.name === name), name);
  }
});

test("a changed number of the report", async () => {
  const edits: Record<string, (report: Json) => void> = {
    "seed": (r) => r.seed++,
    "parameters": (r) => r.final.params--,
    "non-zero parameters": (r) => r.final.nonzero--,
    "MACs": (r) => r.final.macs--,
    "bytes": (r) => r.final.bytes--,
    "dense parameters": (r) => r.baseline.params++,
    "dense MACs": (r) => r.baseline.macs++,
    "dense bytes": (r) => r.baseline.bytes++,
    "accuracy, validation": (r) => r.final.accuracy!.validation -= 0.1,
    "accuracy, test": (r) => r.final.accuracy!.test -= 0.06,
    "last stage = final": (r) => r.stages[r.stages.length - 1].accuracy!.test -= 0.01,
    "compression, parameters": (r) => r.compression.params *= 1.01,
    "compression, non-zero": (r) => r.baseline.nonzero++,
    "compression, MACs": (r) => r.compression.macs *= 1.01,
    "achieved, parameters": (r) => r.achieved.params *= 0.99,
    "achieved, MACs": (r) => r.achieved.macs *= 0.99,
    "speed-up, batch 1": (r) => r.speedup[0].ratio *= 2,
    "compact = masked, as reported": (r) => r.equivalence.maxRel = 0.01,
  };
  for (const [check, edit] of Object.entries(edits)) {
    const store = await copy();
    await editReport(store, edit);
    const failed = await failures(store);
    assert.ok(failed.includes(check), `${check}: ${failed.join(", ") || "nothing noticed"}`);
  }
});

test("a report that claims no proof is told so, and what can't be put back into the dense shape fails for it", async () => {
  const store = await copy();
  await editReport(store, (report) => report.equivalence = { maxAbs: 0, maxRel: 0, inputs: 0 });
  const checks = await verify(store);
  assert.equal(checks.filter(({ verdict }) => verdict !== "agrees").map(({ name, verdict }) => `${name}: ${verdict}`), [
    "compact = masked, as reported: not proved",
  ]);
  assert.ok(checks.some(({ name }) => name === "compact = masked, largest relative difference"));
});

test("a changed byte of the network, anywhere", async () => {
  const file = `${DIR}/model.safetensors`;
  const whole = (await (await copy()).read(file))!;
  for (let i = 1; i <= 12; i++) {
    const store = await copy();
    const bytes = whole.slice();
    bytes[Math.floor(bytes.length * i / 12) - 1] ^= 4;
    await store.write(file, bytes);
    assert.match(await complaint(() => verify(store)), /^runs\/tiny\/model\.safetensors: [^\n]+$/);
  }
});

test("another network, sealed anew, gives itself away by what it computes and counts", async () => {
  const other = async (edit: (data: Float32Array) => void) => {
    const store = await copy();
    const { model, dense, origin } = await readModel(store, DIR);
    edit(model.params.get("fc2.bias")!.data);
    await writeModel(store, DIR, { model, dense: { graph: dense }, origin });
    return await failures(store);
  };
  const exported = "model.onnx = model.safetensors, largest relative difference";
  assert.equal(await other((data) => data[3] = 0), ["non-zero parameters", exported]);
  assert.equal(await other((data) => data[3] += 1000), ["accuracy, validation", "accuracy, test", exported]);
});

test("data may lie elsewhere than the run's recipe says", async () => {
  const store = await copy();
  const text = new TextDecoder().decode(await store.read(`${DIR}/recipe.yaml`));
  await store.write(
    `${DIR}/recipe.yaml`,
    new TextEncoder().encode(text.replace(/(data:\n {2}name: )digits/, "$1folder:gone")),
  );
  const asked: string[] = [];
  const loadData: typeof loadTiny = (request) => (asked.push(request.name), loadTiny({ ...request, name: "digits" }));
  const options = { dir: DIR, store, ui: silentUi(), gpu: await testGpu(), loadData };
  await verifyRun(options);
  const checks = await verifyRun({ ...options, data: "folder:./here" });
  assert.equal(asked, [`folder:${DIR}/gone`, "folder:./here"]);
  assert.ok(checks.every(({ verdict }) => verdict === "agrees"));
});

test("files that are missing or damaged are named", async () => {
  for (const name of ["report.json", "recipe.yaml", "model.safetensors", "model.onnx"]) {
    const missing = await copy();
    await missing.remove(`${DIR}/${name}`);
    assert.match(await complaint(() => verify(missing)), new RegExp(`^runs/tiny/${name}\\b[^\\n]+$`));
    const cut = await copy();
    await cut.write(`${DIR}/${name}`, (await cut.read(`${DIR}/${name}`))!.slice(0, 100));
    assert.match(await complaint(() => verify(cut)), new RegExp(`^runs/tiny/${name}\\b[^\\n]+$`));
  }
});

test.run();
