import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { SensitivityOptions } from "../../src/cli/io.ts";
import { sparkline } from "../../src/cli/sensitivity.ts";
import { renderSensitivity } from "../../src/report/sensitivity/sensitivity_page.ts";
import { readSensitivity, type SensitivityFile } from "../../src/report/sensitivity/sensitivity_file.ts";
import { session } from "./fake.ts";

const test = suite("secateur sensitivity");

const file: SensitivityFile = {
  kind: "sensitivity",
  version: 1,
  tool: "secateur 0.1.0",
  commit: "0123456",
  command: "secateur sensitivity net.onnx --data 'folder:<images>'",
  adapter: "llvmpipe",
  identity: {
    network: { name: "net<1>.onnx", sha256: "0".repeat(64) },
    data: { name: "images", part: "test", images: 2000, labels: true, sha256: "1".repeat(64) },
    criterion: "l2",
    seed: 1,
    ratios: [0.1, 0.5],
    batch: 250,
    layers: [{ name: "conv1:filter", keeps: [14, 8] }, { name: "fc1:filter", keeps: [2] }],
  },
  params: 271098,
  macs: 40551040,
  images: 2000,
  dense: { accuracy: 0.81, loss: 0.9 },
  curves: [
    {
      name: "conv1:filter",
      layers: ["conv1"],
      groups: 16,
      points: [
        { keep: 14, outputLoss: 0.0123, accuracy: 0.8, loss: 0.95 },
        { keep: 8, outputLoss: 0.6, accuracy: 0.405, loss: 3 },
      ],
    },
    { name: "fc1:filter", layers: ["fc1"], groups: 4, points: [{ keep: 2, outputLoss: 1.4, accuracy: 0.1, loss: 5 }] },
  ],
};

function measuring(found = file) {
  const asked: SensitivityOptions[] = [];
  const own = session({ measureSensitivity: (options) => (asked.push(options), Promise.resolve(found)) });
  return { ...own, asked };
}

test("options reach the engine; curves and tables are printed, the page is written", async () => {
  const { run, asked, out, io } = measuring();
  await io.store.write("net.onnx", new Uint8Array(1));
  const code = await run(
    ...["sensitivity", "net.onnx", "--data", "folder:./images", "--limit", "2000", "--ratios", "0.5,.1"],
    ...["--layers", "conv1,fc*", "--exclude", "fc2", "--criterion", "fpgm", "--seed", "3", "--no-labels"],
    ...["--html", "s.html", "--batch", "100"],
  );
  assert.is(code, 0);
  const [{ store: _store, ui: _ui, signal: _signal, ...options }] = asked;
  assert.equal(options, {
    network: { model: { name: "net.onnx" }, weights: undefined, preprocess: {} },
    data: { name: "folder:./images", part: undefined },
    dataDir: undefined,
    criterion: "fpgm",
    ratios: [0.1, 0.5],
    limit: 2000,
    layers: ["conv1", "fc*"],
    exclude: ["fc2"],
    labels: "ignore",
    batch: 100,
    seed: 3,
    out: "runs/sensitivity/net.json",
    tool: "secateur 0.1.0",
    commit: "0123456",
    command: "secateur sensitivity net.onnx --data folder:./images --limit 2000 --ratios 0.5,.1 " +
      "--layers 'conv1,fc*' --exclude fc2 --criterion fpgm --seed 3 --no-labels --html s.html --batch 100",
  });
  const text = out.join("\n");
  for (
    const part of ["81.00 % with all", "██▅", "80.00 %", "40.50 %", "0.0123", "1.4", "–", "Kept in runs/sensitivity"]
  ) {
    assert.ok(text.includes(part), `${part}\n${text}`);
  }
  const page = new TextDecoder().decode(await io.store.read("s.html"));
  assert.ok(page.includes("net&#60;1&#62;.onnx") && !page.includes("net<1>"));
  assert.ok(page.includes('style="--heat: 23%"'));
  assert.is(page, renderSensitivity(file));
  assert.is(page.match(/<svg class="wide"/g)?.length, 2);
});

test("defaults, JSON, and a zoo's network with its weights", async () => {
  const { io, run, asked, out } = measuring();
  await io.store.write("nets/r20.safetensors", new Uint8Array(1));
  assert.is(await run("sensitivity", "resnet20", "--weights", "nets/r20.safetensors", "--data", "digits", "--json"), 0);
  const [{ ratios, criterion, labels, out: path, batch }] = asked;
  assert.equal({ ratios, criterion, labels, path, batch }, {
    ratios: [0.1, 0.3, 0.5, 0.7, 0.9],
    criterion: "l2",
    labels: "use",
    path: "runs/sensitivity/r20.json",
    batch: 250,
  });
  assert.equal(JSON.parse(out.join("\n")), file);
});

test("without labels the outputs alone are told", async () => {
  const blind = {
    ...file,
    dense: {},
    curves: file.curves.map((curve) => ({
      ...curve,
      points: curve.points.map(({ keep, outputLoss }) => ({ keep, outputLoss })),
    })),
  };
  const { io, run, out } = measuring(blind);
  await io.store.write("net.onnx", new Uint8Array(1));
  assert.is(await run("sensitivity", "net.onnx", "--data", "digits"), 0);
  assert.ok(!out.join("\n").includes("Accuracy") && out.join("\n").includes("How far the outputs are off"));
  assert.ok(!renderSensitivity(blind).includes("Accuracy in per cent"));
});

test("wrong usage is said, with exit code 2", async () => {
  for (
    const [args, said] of [
      [["net.onnx"], "required option '--data <data>' not specified"],
      [["resnet20", "--data", "digits"], "give its weights with --weights"],
      [["net.onnx", "--data", "digits", "--ratios", "0.5,1"], "above 0 and below 1, like 0.1,0.3,0.5"],
      [["net.onnx", "--data", "digits", "--ratios", "0.5,0.5"], "different numbers"],
      [["net.onnx", "--data", "digits", "--layers", "a,,b"], "Expected names like conv1,layer2.*"],
      [["net.onnx", "--data", "digits", "--criterion", "best"], "Allowed choices are l2, l1"],
      [["net.onnx", "--data", "digits", "--limit", "1"], "Expected a whole number of at least 2"],
    ] as const
  ) {
    const { run, err } = measuring();
    assert.is(await run("sensitivity", ...args), 2);
    assert.ok(err.join("\n").includes(said), err.join("\n"));
  }
});

test("bars rise from nothing to the whole, and are held beyond", () => {
  assert.is(sparkline([0, 0.124, 0.126, 0.5, 0.99, 1, 2, -1]), "▁▁▂▅███▁");
});

test("a file whose curves rise or have no points is refused", () => {
  const bytes = (curves: unknown) => new TextEncoder().encode(JSON.stringify({ ...file, curves }));
  assert.equal(readSensitivity(bytes(file.curves), "s.json"), file);
  const [curve] = file.curves;
  for (const points of [[], [...curve.points].reverse(), [{ ...curve.points[0], keep: 16 }]]) {
    assert.throws(() => readSensitivity(bytes([{ ...curve, points }]), "s.json"), /curve of conv1:filter.*16 groups/);
  }
  assert.throws(() => readSensitivity(bytes([{ ...curve, groups: 0 }]), "s.json"), /curves.0.groups: expected a whole/);
});

test.run();
