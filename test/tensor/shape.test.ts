import { suite } from "uvu";
import * as assert from "uvu/assert";
import { planTranspose } from "../../kernels/shape/transpose.ts";
import { UserError } from "../../src/errors.ts";
import { tanh } from "../../src/tensor/ops/pointwise.ts";
import { concat, gather, pad, reshape, slice, type SliceRange, transpose } from "../../src/tensor/ops/shape.ts";
import type { Sampling } from "../../kernels/shape/bilinear.ts";
import { bilinear, resize } from "../../src/tensor/ops/resize.ts";
import { Tape } from "../../src/tensor/tape.ts";
import { elements, Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { checkOp } from "./check_op.ts";

const test = suite("shape");

test("reshape, mid-graph", async () => {
  await checkOp({
    name: "reshape",
    shapes: [[2, 3, 4]],
    shape: [4, 6],
    op: (t, [x]) => reshape(t, x, [4, 6]),
    oracle: ([x]) => x.slice(),
  });
  await checkOp({
    name: "tanh(reshape)",
    shapes: [[3, 2, 5, 7]],
    shape: [3, 70],
    op: (t, [x]) => tanh(t, reshape(t, x, [3, 70])),
    oracle: ([x]) => x.map(Math.tanh),
  });
});

for (
  const shapes of [
    [[2, 1, 3, 3], [2, 4, 3, 3]],
    [[3, 2, 4, 4], [3, 1, 4, 4], [3, 5, 4, 4]],
    [[4, 3], [4, 1], [4, 12]],
    [[70, 8], [70, 4]],
    [[2, 3, 5]],
  ]
) {
  test(`concat of ${JSON.stringify(shapes)}, mid-graph`, () => {
    const [n, , ...rest] = shapes[0];
    const channels = shapes.reduce((c, shape) => c + shape[1], 0);
    return checkOp({
      name: "concat",
      shapes,
      shape: [n, channels, ...rest],
      op: concat,
      oracle: (inputs) =>
        Float64Array.from(
          Array.from({ length: n }, (_, i) =>
            inputs.flatMap((x) => [...x.subarray(i * x.length / n, (i + 1) * x.length / n)]))
            .flat(),
        ),
    });
  });
}

test("an input of one sample is joined to every sample, mid-graph", () =>
  checkOp({
    name: "concat([1, 2, 3], [4, 1, 3])",
    shapes: [[1, 2, 3], [4, 1, 3]],
    shape: [4, 3, 3],
    op: concat,
    oracle: ([shared, x]) =>
      Float64Array.from([0, 1, 2, 3].flatMap((n) => [...shared, ...x.subarray(3 * n, 3 * n + 3)])),
  }));

test("an input that is joined twice gets both gradients", () =>
  checkOp({
    name: "concat(x, x)",
    shapes: [[2, 3]],
    shape: [2, 6],
    op: (t, [x]) => concat(t, [x, x]),
    oracle: ([x]) =>
      Float64Array.from([0, 1].flatMap((n) => [...x.subarray(3 * n, 3 * n + 3), ...x.subarray(3 * n, 3 * n + 3)])),
  }));

const SLICES: { shape: number[]; ranges: (SliceRange | null)[] }[] = [
  { shape: [2, 3, 8, 8], ranges: [null, null, { start: 0, step: 2, count: 4 }, { start: 0, step: 2, count: 4 }] },
  {
    shape: [2, 3, 7, 13],
    ranges: [null, { start: 1, step: 1, count: 2 }, { start: 1, step: 3, count: 2 }, { start: 2, step: 5, count: 3 }],
  },
  { shape: [3, 9], ranges: [null, { start: 2, step: 3, count: 3 }] },
  { shape: [2, 4, 5], ranges: [null, { start: 3, step: 1, count: 1 }, null] },
  { shape: [1, 1, 1, 1], ranges: [null, null, null, null] },
  { shape: [3, 8, 4, 4], ranges: [null, { start: 2, step: 1, count: 4 }, null, null] },
  { shape: [2, 5, 3, 2, 7], ranges: [null, null, { start: 1, step: 1, count: 1 }, null, null] },
  {
    shape: [2, 3, 2, 5, 4],
    ranges: [null, null, { start: 1, step: 1, count: 1 }, { start: 1, step: 1, count: 3 }, {
      start: 0,
      step: 3,
      count: 2,
    }],
  },
];

for (const { shape, ranges } of SLICES) {
  test(`slice of [${shape}] at ${JSON.stringify(ranges)}, mid-graph`, () => {
    const kept = shape.map((count, axis) => ranges[axis] ?? { start: 0, step: 1, count });
    return checkOp({
      name: "slice",
      shapes: [shape],
      shape: kept.map(({ count }) => count),
      op: (t, [x]) => slice(t, x, ranges),
      oracle: ([x]) => {
        const y: number[] = [];
        visit(
          kept.map(({ count }) => count),
          (at) => y.push(x[offset(shape, at.map((k, a) => kept[a].start + k * kept[a].step))]),
        );
        return Float64Array.from(y);
      },
    });
  });
}

test("parts of a split, also overlapping ones, add to their places beside what other readers hand back", () => {
  const part = (t: Tape, x: Tensor, start: number) => slice(t, x, [null, { start, step: 1, count: 3 }, null]);
  return checkOp({
    name: "concat(x, x[2..5), x[0..3), x)",
    shapes: [[2, 6, 4]],
    shape: [2, 18, 4],
    op: (t, [x]) => concat(t, [x, part(t, x, 2), part(t, x, 0), x]),
    oracle: ([x]) =>
      Float64Array.from([0, 24].flatMap((n) => {
        const rows = (start: number, end: number) => [...x.subarray(n + 4 * start, n + 4 * end)];
        return [...rows(0, 6), ...rows(2, 5), ...rows(0, 3), ...rows(0, 6)];
      })),
  });
});

test("a slice writes its gradient where it was asked for, over what was there", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "train");
  const x = tape.own(Tensor.from(gpu, new Float32Array(6), [1, 6]));
  const slot = tape.own(Tensor.from(gpu, new Float32Array(6).fill(9), [1, 6]));
  tape.watch(x, slot);
  const y = slice(tape, x, [null, { start: 1, step: 1, count: 3 }]);
  tape.backward(y, tape.own(Tensor.from(gpu, Float32Array.of(1, 2, 3), [1, 3])));
  assert.equal([...await slot.read()], [0, 1, 2, 3, 0, 0]);
});

const PADS = [
  { shape: [2, 3, 5, 5], begins: [0, 0, 1, 1], ends: [0, 0, 1, 1], value: 0 },
  { shape: [2, 3, 4, 4], begins: [0, 2, 0, 0], ends: [0, 3, 0, 0], value: 0 },
  { shape: [1, 2, 3, 7], begins: [0, 1, 0, 2], ends: [0, 0, 3, 1], value: -1.5 },
  { shape: [5, 3], begins: [0, 1], ends: [0, 4], value: 2 },
  { shape: [2, 3, 2, 5, 2], begins: [0, 0, 0, 1, 0], ends: [0, 0, 0, 0, 2], value: 0 },
];

for (const { shape, begins, ends, value } of PADS) {
  test(`pad of [${shape}] by [${begins}], [${ends}], mid-graph`, () => {
    const padded = shape.map((n, axis) => begins[axis] + n + ends[axis]);
    return checkOp({
      name: "pad",
      shapes: [shape],
      shape: padded,
      op: (t, [x]) => pad(t, x, begins, ends, value),
      oracle: ([x]) => {
        const y = new Float64Array(elements(padded)).fill(value);
        visit(shape, (at) => y[offset(padded, at.map((k, a) => k + begins[a]))] = x[offset(shape, at)]);
        return y;
      },
    });
  });
}

for (
  const { shape, indices } of [
    { shape: [2, 5, 3, 3], indices: [4, 0, 2] },
    { shape: [3, 4, 4, 4], indices: [1, 1, 3, 1, 0, 0] },
    { shape: [5, 7], indices: [6, 2] },
    { shape: [1, 1, 2, 2], indices: [0, 0, 0] },
  ]
) {
  test(`gather of channels ${indices} of [${shape}], mid-graph`, () => {
    const [n, channels, ...rest] = shape;
    const inner = elements(rest);
    return checkOp({
      name: "gather",
      keepsTables: true,
      shapes: [shape],
      shape: [n, indices.length, ...rest],
      op: (t, [x]) => gather(t, x, indices),
      oracle: ([x]) =>
        Float64Array.from({ length: n * indices.length * inner }, (_, k) => {
          const map = Math.floor(k / inner);
          const image = Math.floor(map / indices.length);
          return x[(image * channels + indices[map % indices.length]) * inner + k % inner];
        }),
    });
  });
}

test("more workgroups than a grid's dimension holds fold into rows", async () => {
  const gpu = await testGpu();
  using tape = new Tape(gpu, "eval");
  const side = 1500;
  const data = Float32Array.from({ length: 2 * side * side }, (_, i) => i);
  const x = tape.own(Tensor.from(gpu, data, [1, 2, side, side]));
  const padded = pad(tape, x, [0, 0, 1, 1], [0, 0, 0, 0]);
  const inner = { start: 1, step: 1, count: side };
  const back = await slice(tape, padded, [null, null, inner, inner]).read();
  assert.is(back.findIndex((v, i) => v !== data[i]), -1);
});

test("what doesn't fit is refused", async () => {
  using tape = new Tape(await testGpu(), "eval");
  const x = tape.empty([2, 3, 4, 4]);
  const refused = (call: () => unknown) => assert.throws(call, (e: Error) => e instanceof UserError);
  refused(() => reshape(tape, x, [2, 5]));
  refused(() => concat(tape, [x, tape.empty([2, 3, 4, 5])]));
  refused(() => slice(tape, x, [null, { start: 1, step: 2, count: 2 }, null, null]));
  refused(() => slice(tape, x, [{ start: 0, step: 1, count: 1 }, null, null, null]));
  refused(() => pad(tape, x, [1, 0, 0, 0], [0, 0, 0, 0]));
  refused(() => gather(tape, x, [0, 3]));
});

function visit(shape: readonly number[], each: (at: number[]) => void): void {
  for (let i = 0; i < elements(shape); i++) {
    let rest = i;
    const at = [...shape].reverse().map((n) => {
      const k = rest % n;
      rest = Math.floor(rest / n);
      return k;
    }).reverse();
    each(at);
  }
}

function offset(shape: readonly number[], at: readonly number[]): number {
  return shape.reduce((sum, n, axis) => sum * n + at[axis], 0);
}

for (const [shape, scales] of [[[2, 3, 5, 7], [2, 3]], [[1, 2, 4, 4], [2, 2]], [[3, 1, 1, 3], [1, 4]]] as const) {
  test(`resize of [${shape}] by [${scales}], mid-graph`, () => {
    const [n, c, h, w] = shape;
    const made = [n, c, h * scales[0], w * scales[1]];
    return checkOp({
      name: "resize",
      shapes: [shape],
      shape: made,
      op: (tape, [x]) => resize(tape, x, scales),
      oracle: ([x]) => {
        const y = new Float64Array(elements(made));
        visit(made, (at) => {
          const from = at.map((k, axis) => axis < 2 ? k : Math.floor(k / scales[axis - 2]));
          y[offset(made, at)] = x[offset(shape, from)];
        });
        return y;
      },
    });
  });
}

for (
  const [shape, size] of [
    [[2, 3, 5, 7], [10, 21]],
    [[1, 2, 8, 6], [3, 4]],
    [[2, 1, 1, 4], [3, 1]],
    [[1, 2, 5, 1], [2, 3]],
    [[1, 3, 4, 4], [4, 4]],
  ] as const
) {
  for (const alignment of ["half pixels", "corners"] as const) {
    test(`bilinear resize of [${shape}] to [${size}] by ${alignment}, mid-graph`, () => {
      const [n, c, h, w] = shape;
      const made = [n, c, ...size];
      const sampling = (from: number, to: number) =>
        alignment === "corners"
          ? { from, to, start: 0, step: to > 1 ? (from - 1) / (to - 1) : 0 }
          : { from, to, start: from / to / 2 - 0.5, step: from / to };
      const [rows, columns] = [sampling(h, size[0]), sampling(w, size[1])];
      return checkOp({
        name: "bilinear",
        shapes: [shape],
        shape: made,
        keepsTables: true,
        op: (tape, [x]) => bilinear(tape, x, rows, columns),
        oracle: ([x]) => {
          // A hat of width 1 around each place, whose part beyond the edge goes to the edge's line.
          const share = ({ from, start, step }: Sampling, i: number, line: number) =>
            Math.max(0, 1 - Math.abs(Math.min(Math.max(start + i * step, 0), from - 1) - line));
          const y = new Float64Array(elements(made));
          visit(made, ([image, channel, i, j]) => {
            for (let r = 0; r < h; r++) {
              for (let k = 0; k < w; k++) {
                y[offset(made, [image, channel, i, j])] += share(rows, i, r) * share(columns, j, k) *
                  x[offset(shape, [image, channel, r, k])];
              }
            }
          });
          return y;
        },
      });
    });
  }
}

for (
  const [shape, perm] of [
    [[2, 3], [1, 0]],
    [[4, 8], [1, 0]],
    [[3, 1, 5], [2, 0, 1]],
    [[2, 8, 12], [0, 2, 1]],
    [[2, 3, 5, 7], [0, 2, 3, 1]],
    [[3, 4, 2, 6], [0, 2, 3, 1]],
    [[3, 2, 6, 4], [0, 3, 1, 2]],
    [[2, 5, 3, 8], [0, 2, 1, 3]],
    [[2, 5, 3, 7], [0, 2, 1, 3]],
    [[2, 3, 4, 5, 3], [4, 1, 0, 3, 2]],
    [[2, 2, 3, 2, 3, 4], [0, 1, 3, 2, 4, 5]],
    [[2, 1, 3], [0, 1, 2]],
    [[1, 1, 1], [2, 1, 0]],
  ]
) {
  const turned = perm.map((axis) => shape[axis]);
  test(`[${shape}] with its axes in the order [${perm}]`, () =>
    checkOp({
      name: "transpose",
      shapes: [shape],
      shape: turned,
      op: (tape, [x]) => transpose(tape, x, perm),
      oracle: ([x]) =>
        Float64Array.from(x, (_, i) => {
          const index: number[] = [];
          for (let axis = perm.length - 1; axis >= 0; i = Math.floor(i / turned[axis--])) {
            index[perm[axis]] = i % turned[axis];
          }
          return x[index.reduce((at, k, axis) => at * shape[axis] + k, 0)];
        }),
    }));
}

test("more than five axes that go apart are refused", () => {
  const shape = [2, 2, 2, 2, 2, 2];
  assert.throws(() => planTranspose(shape, [5, 4, 3, 2, 1, 0]), /moves 6 axes apart, at most 5/);
});

test.run();
