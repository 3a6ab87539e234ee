/** GPUs' layers do GELU as they store their outputs, in every way that they have for them. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type DeviceProfile, PROFILES } from "../../kernels/device_profile.ts";
import { builder } from "../../src/graph/build.ts";
import { fuse } from "../../src/graph/fuse.ts";
import { compilePlan } from "../../src/graph/plan.ts";
import { referenceForward } from "../../src/graph/reference/forward.ts";
import type { Model } from "../../src/graph/types.ts";
import { setTuning, tuningFor } from "../../src/tensor/ops/launch.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { randomInputs, randomParams } from "../generate/graphs.ts";
import { testGpu } from "../gpu.ts";

const test = suite("GELU in layers");

/** A convolution, a grouped one and two products, of which the first three have GELU behind them. */
function net(): Model {
  const b = builder("net", ["N", 24, 5, 7]);
  const wide = b.gelu(b.conv(b.input, { name: "wide", out: 20, kernel: 1 }));
  const grouped = b.gelu(b.conv(wide, { name: "grouped", out: 20, kernel: 3, pad: 1, group: 20 }));
  const hidden = b.gelu(b.gemm(b.flatten(grouped), { name: "hidden", out: 37 }), "tanh");
  b.gemm(hidden, { name: "head", out: 3 });
  const graph = b.graph();
  return { graph, params: randomParams(graph, 3) };
}

const kinds = (model: Model, gelu: boolean) =>
  fuse(model.graph, { gelu }).map(({ node, activation }) => `${node.op} ${activation}`);

test("GELU goes into products and convolutions before it where they do it, and not into grouped ones", () => {
  const model = net();
  assert.equal(kinds(model, true), [
    "Conv gelu",
    "Conv none",
    "Gelu none",
    "Flatten none",
    "Gemm geluTanh",
    "Gemm none",
  ]);
  assert.equal(kinds(model, false).filter((kind) => / gelu/.test(kind)), []);
});

/** The ways by the classes that they are taken for; all else as estimated. */
async function agrees(
  model: Model,
  batch: number,
  profile: DeviceProfile,
  winner: (shapeClass: string) => string | undefined,
): Promise<string[]> {
  const gpu = await testGpu(), before = tuningFor(gpu), ways: string[] = [];
  const winners = new Proxy({}, { get: (_, shapeClass) => winner(String(shapeClass)) });
  setTuning(gpu, { profile, winners, onChoice: ({ name }) => ways.push(name) });
  try {
    const { data, shape } = randomInputs(model.graph, 1, batch).input;
    const expected = referenceForward(model, { input: { shape, data } }).get(model.graph.outputs[0])!.data;
    const plan = compilePlan(gpu, model, batch);
    try {
      using x = Tensor.from(gpu, data, [...shape]);
      const found = await plan.run(x).read(), most = Math.max(...expected.map(Math.abs));
      found.forEach((y, i) => assert.ok(Math.abs(y - expected[i]) <= 1e-5 * most, `${i}: ${y}, ${expected[i]}`));
    } finally {
      plan.dispose();
    }
  } finally {
    setTuning(gpu, before);
  }
  return ways;
}

for (
  const [name, gemm, batch] of [["tiles, k in parts", "workgroup 32x32", 17], [
    "slices",
    "registers 4x4, 16 slices",
    9,
  ]] as const
) {
  test(`as the reference does, by ${name}`, async () => {
    const ways = await agrees(net(), batch, PROFILES.desktop, (kind) => kind.startsWith("gemm") ? gemm : undefined);
    assert.ok(ways.includes(gemm), ways.join());
    assert.ok(ways.some((way) => way.startsWith("implicit gemm")), ways.join());
  });
}

test("behind sparse kernels, which don't do it, in a dispatch of its own", async () => {
  const { graph, params } = net(), few = new Map(params);
  for (const name of ["wide.weight", "hidden.weight"]) {
    const { shape, data } = params.get(name)!;
    few.set(name, { shape, data: data.map((v, i) => i % 3 ? 0 : v) });
  }
  const csr = "csr line per workgroup, a pixel";
  const ways = await agrees(
    { graph, params: few },
    2,
    PROFILES.desktop,
    (kind) => /^sparse/.test(kind) ? csr : undefined,
  );
  assert.is(ways.filter((way) => way === csr).length, 2, ways.join());
});

test.run();
