/** Matrix products with an operand above the binding limit: every binding fits, and every element is bound once. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { planGemm } from "../../kernels/gemm/plan.ts";
import type { GemmShape } from "../../kernels/gemm/shape.ts";
import type { Launch, Step } from "../../kernels/launch.ts";
import { UNTUNED } from "../../kernels/tuning.ts";
import { checkLaunch } from "./launches.ts";

const test = suite("matrix products in binding windows");

const OPERANDS = ["a", "b", "bias", "residual", "y"];
const LIMIT = 2 ** 18;

/** What is bound of a launch's operands and scratch, in bytes. */
function sizesOf({ m, n, k }: GemmShape, { scratch }: Launch): Record<string, number> {
  return { a: 4 * m * k, b: 4 * n * k, y: 4 * m * n, residual: 4 * m * n, bias: 4 * n, ...scratch };
}

function plan(shape: GemmShape): Launch {
  const launch = planGemm(shape, { ...UNTUNED, bindingBytes: LIMIT });
  checkLaunch(launch, OPERANDS);
  const sizes = sizesOf(shape, launch);
  for (const step of [...launch.prepare ?? [], ...launch.steps]) {
    step.bindings.forEach((name, i) => {
      if (name in launch.tables) return;
      const { byteOffset, byteLength } = step.windows?.[i] ?? { byteOffset: 0, byteLength: sizes[name] };
      const what = `${step.plan.program.name} binds ${byteLength} bytes of ${name} from ${byteOffset}`;
      assert.ok(byteLength <= LIMIT && byteOffset % 256 === 0, what);
      assert.ok(byteOffset + byteLength <= Math.ceil(sizes[name] / 16) * 16, what);
    });
  }
  return launch;
}

/** The windows of one operand, without repetition, in order. */
function windowsOf({ prepare = [], steps }: Launch, operand: string): [number, number][] {
  const found = new Map<number, number>();
  const visit = ({ bindings, windows }: Step) =>
    bindings.forEach((name, i) => {
      if (name === operand && windows?.[i]) found.set(windows[i].byteOffset, windows[i].byteLength);
    });
  [...prepare, ...steps].forEach(visit);
  return [...found].sort(([a], [b]) => a - b);
}

function cover(windows: readonly [number, number][], bytes: number): void {
  assert.ok(windows.length > 1, "more than one window");
  const end = windows.reduce((at, [first, length]) => {
    assert.is(first, at, "windows follow one another");
    return at + length;
  }, 0);
  assert.is(end, bytes);
}

for (const m of [1, 5, 31]) {
  for (const [n, k] of [[301, 401], [512, 256], [700, 128], [130, 599]]) {
    const epilogue = { bias: "add", residual: "add", activation: "relu" } as const;
    test(`the weight [${n},${k}] and ${m} rows: forward, data gradient, weight gradient`, () => {
      cover(windowsOf(plan({ m, n, k, a: "k", b: "k", ...epilogue }), "b"), 4 * n * k);
      cover(windowsOf(plan({ m, n, k, a: "k", b: "k", fixed: "b" }), "b"), 4 * n * k);
      cover(windowsOf(plan({ m, n: k, k: n, a: "k", b: "rows" }), "b"), 4 * n * k);
      cover(windowsOf(plan({ m: n, n: k, k: m, a: "rows", b: "rows" }), "y"), 4 * n * k);
    });
  }
}

test("a product that fits is bound whole", () => {
  const { steps } = plan({ m: 64, n: 100, k: 100, a: "k", b: "k" });
  assert.ok(steps.every(({ windows, bindings }) => !windows || !bindings.includes("b")));
});

test("the first layers of VGG and AlexNet fit into 128 MiB at a time", () => {
  const launch = planGemm({ m: 1, n: 4096, k: 25088, a: "k", b: "k" });
  assert.is(windowsOf(launch, "b").length, 4);
  assert.is(windowsOf(planGemm({ m: 2, n: 4096, k: 9216, a: "k", b: "k" }), "b").length, 2);
});

test("rows too long for any window are refused", () => {
  assert.throws(() => planGemm({ m: 1, n: 64, k: 2 ** 20, a: "k", b: "k" }), /64 rows of 1048576 numbers don't fit/);
});

test.run();
