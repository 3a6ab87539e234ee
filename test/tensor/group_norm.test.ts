import { suite } from "uvu";
import * as assert from "uvu/assert";
import { groupNormCandidates, groupNormGradCandidates } from "../../kernels/norm/group_norm.ts";
import { layerNormCandidates, layerNormClass, layerNormGradCandidates } from "../../kernels/norm/layer_norm.ts";
import { PROFILES } from "../../kernels/device_profile.ts";
import { UNTUNED } from "../../kernels/tuning.ts";
import { UserError } from "../../src/errors.ts";
import { random } from "../../kernels/random/philox.ts";
import { channelLayerNorm, groupNorm, layerNorm } from "../../src/tensor/ops/group_norm.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { elements, Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { normaliseRows } from "../oracle/norm.ts";
import { assertClose, checkOp } from "./check_op.ts";
import { withWinner } from "./with_winner.ts";

const test = suite("layer and group norm");
const EPSILON = 1e-5;
const WAYS = ["thread to a row", "8 threads to a row", "64 threads to a row"] as const;

for (const way of WAYS) {
  for (const shape of [[1, 3], [3, 5, 29], [67, 192]]) {
    const length = shape[shape.length - 1];
    test(`layer norm of [${shape}] by ${way}, mid-graph`, () =>
      withWinner(way, () =>
        checkOp({
          name: "layer norm",
          shapes: [shape, [length], [length]],
          shape,
          op: (tape, [x, gamma, beta]) => layerNorm(tape, x, { gamma, beta }, EPSILON),
          oracle: ([x, gamma, beta]) => normaliseRows(x, length, EPSILON, (i) => [gamma[i % length], beta[i % length]]),
          rtol: 1e-5,
        })));
  }
  for (const shape of [[2, 5, 3, 3], [1, 96, 8, 8], [3, 70, 4, 6], [2, 7, 10]]) {
    const [, channels, ...rest] = shape;
    const inner = elements(rest);
    test(`layer norm over the channels of [${shape}] by ${way}, with and without β`, () =>
      withWinner(way, async () => {
        const gpu = await testGpu();
        const drawn = (name: string, size: number) => random(1, name).fillNormal(new Float32Array(size), 0, 0.5, 2);
        const [x, gamma, beta] = [drawn("x", elements(shape)), drawn("γ", channels), drawn("β", channels)];
        using tensors = new Tape(gpu, "eval");
        const of = (data: Float32Array, dims: readonly number[]) => tensors.own(Tensor.from(gpu, data, dims));
        const y = tensors.empty(shape);
        // The same with channels last.
        const place = (row: number, c: number) => Math.floor(row / inner) * channels * inner + c * inner + row % inner;
        const rows = x.length / channels;
        const turned = Float64Array.from(x, (_, i) => x[place(Math.floor(i / channels), i % channels)]);
        for (const shift of [beta, undefined]) {
          channelLayerNorm(
            gpu,
            of(x, shape),
            { gamma: of(gamma, [channels]), beta: shift && of(shift, [channels]) },
            EPSILON,
            y,
          );
          const normal = normaliseRows(turned, channels, EPSILON, (i) => {
            const c = i % channels;
            return [gamma[c], shift ? shift[c] : 0];
          });
          const expected = new Float64Array(x.length);
          for (let row = 0; row < rows; row++) {
            for (let c = 0; c < channels; c++) expected[place(row, c)] = normal[row * channels + c];
          }
          assertClose(await y.read(), expected, 1e-5, `[${shape}]`);
        }
      }));
  }
  for (const [groups, ...shape] of [[2, 3, 6, 7, 7], [5, 2, 5, 3, 29], [4, 3, 8, 4, 4]]) {
    const [, channels, ...rest] = shape;
    const inner = elements(rest), span = channels / groups;
    test(`group norm of [${shape}] in ${groups} by ${way}, mid-graph`, () =>
      withWinner(way, () =>
        checkOp({
          name: "group norm",
          shapes: [shape, [channels], [channels]],
          shape,
          op: (tape, [x, gamma, beta]) => groupNorm(tape, x, { gamma, beta }, groups, EPSILON),
          oracle: ([x, gamma, beta]) => {
            const channel = (i: number) => Math.floor(i / inner) % channels;
            return normaliseRows(x, span * inner, EPSILON, (i) => [gamma[channel(i)], beta[channel(i)]]);
          },
          rtol: 1e-5,
        })));
  }
}

test("a large mean does not cost the variance its digits", async () => {
  const gpu = await testGpu();
  const shape = [5, 256];
  const data = Float32Array.from({ length: elements(shape) }, (_, i) => 4096 + (i * 37 % 101) / 128);
  using tape = new Tape(gpu, "eval");
  const of = (values: Float32Array, dims: number[]) => tape.own(Tensor.from(gpu, values, dims));
  const affine = { gamma: of(new Float32Array(256).fill(1), [256]), beta: of(new Float32Array(256), [256]) };
  const want = normaliseRows(Float64Array.from(data), 256, EPSILON, () => [1, 0]);
  assertClose(await layerNorm(tape, of(data, shape), affine, EPSILON).read(), want, 2e-3, "layer norm");
});

test("a row that is constant is beta, and its gradient finite", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "train");
  const of = (values: number[], dims: number[]) => tape.own(Tensor.from(gpu, Float32Array.from(values), dims));
  const x = of([3, 3, 3, 3], [1, 4]);
  tape.watch(x);
  const y = layerNorm(tape, x, { gamma: of([1, 2, 3, 4], [4]), beta: of([5, 6, 7, 8], [4]) }, EPSILON);
  const kept = tape.own(Tensor.empty(gpu, [1, 4]));
  gpu.copy(y, kept);
  tape.backward(y, tape.own(Tensor.from(gpu, Float32Array.of(1, -1, 1, -1), [1, 4])));
  assert.equal([...await kept.read()], [5, 6, 7, 8]);
  assert.ok((await tape.gradient(x)!.read()).every(Number.isFinite));
});

test("the gradients of a layer and of a group norm take two dispatches, and those of γ and β alone too", async () => {
  const layer = layerNormGradCandidates({ rows: 197, length: 192 }, UNTUNED);
  const group = groupNormGradCandidates({ batch: 4, channels: 32, inner: 49, groups: 8 }, UNTUNED);
  for (const { build } of [...layer, ...group]) assert.is(build().steps.length, 2);
  // One row and one workgroup, though there are more channels than threads.
  const data = Float32Array.from({ length: 150 }, (_, i) => Math.cos(i));
  const gpu = await testGpu();
  for (const shape of [[1, 150], [1, 150, 1]]) {
    await checkOp({
      name: `norm of data [${shape}]`,
      shapes: [[150], [150]],
      shape,
      op: (tape, [gamma, beta]) => {
        const x = tape.own(Tensor.from(gpu, data, shape));
        return shape.length === 2
          ? layerNorm(tape, x, { gamma, beta }, EPSILON)
          : groupNorm(tape, x, { gamma, beta }, 1, EPSILON);
      },
      oracle: ([gamma, beta]) => normaliseRows(Float64Array.from(data), 150, EPSILON, (i) => [gamma[i], beta[i]]),
      rtol: 1e-5,
    });
  }
});

test("parameters that don't fit are refused", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "eval");
  const of = (...shape: number[]) => tape.own(Tensor.zeros(gpu, shape));
  const refused = (work: () => unknown, pattern: RegExp) =>
    assert.throws(work, (error: Error) => error instanceof UserError && pattern.test(error.message));
  refused(() => layerNorm(tape, of(2, 5), { gamma: of(4), beta: of(5) }, EPSILON), /gamma \[4\]/);
  refused(() => groupNorm(tape, of(2, 6, 3), { gamma: of(6), beta: of(6) }, 4, EPSILON), /into 4 groups/);
  refused(() => groupNorm(tape, of(2, 6, 3), { gamma: of(3), beta: of(6) }, 3, EPSILON), /gamma \[3\]/);
});

test("few rows get wide teams on a wide device, many rows threads of their own", () => {
  const cheapest = (rows: number) =>
    layerNormCandidates({ rows, length: 768 }, EPSILON, { profile: PROFILES.desktop })
      .reduce((a, b) => b.cost < a.cost ? b : a).name;
  assert.is(cheapest(64), "64 threads to a row");
  assert.is(cheapest(100_000), "thread to a row");
});

test("every way runs a team per row, whatever the counts", () => {
  for (const rows of [1, 7, 64, 197, 70_000]) {
    for (const length of [1, 13, 192]) {
      const shape = { batch: rows, channels: 6, inner: length, groups: 3 };
      const launches = [
        ...layerNormCandidates({ rows, length }, EPSILON, UNTUNED),
        ...layerNormGradCandidates({ rows, length }, UNTUNED),
        ...groupNormCandidates(shape, EPSILON, UNTUNED),
        ...groupNormGradCandidates(shape, UNTUNED),
      ].map((way) => way.build());
      for (const { steps } of launches) {
        for (const { plan: { grid, uniforms, program } } of steps) {
          const lanes = program.constants?.LANES;
          if (lanes === undefined) continue;
          assert.ok(grid.every((n) => n >= 1 && n <= 65_535), `${program.name} ${grid}`);
          assert.ok(grid[0] * grid[1] * (64 / lanes) >= uniforms[0], `${program.name}: rows left out`);
        }
      }
    }
  }
  assert.is(layerNormClass({ rows: 197, length: 192 }, "forward"), "layer norm forward 197x192");
});

test.run();
