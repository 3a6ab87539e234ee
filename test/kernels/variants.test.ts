import { suite } from "uvu";
import * as assert from "uvu/assert";
import { planConvDgrad } from "../../kernels/conv/dgrad.ts";
import { planConvForward } from "../../kernels/conv/forward.ts";
import type { ConvShape } from "../../kernels/conv/shape.ts";
import { planConvWgrad } from "../../kernels/conv/wgrad.ts";
import { planGemm } from "../../kernels/gemm/plan.ts";
import type { Epilogue, Step } from "../../kernels/launch.ts";
import { variants } from "../../kernels/variants.ts";
import { prepareEnvironment } from "../../src/cli/environment.ts";
import type { Program } from "../../src/gpu/types.ts";
import { drawn } from "../long.ts";
import compile from "./compile.ts";
import { amongCombinations, combinations, programKey, shaders, texts } from "./shaders.ts";

const test = suite("variants");
const root = `${import.meta.dirname}/../../kernels`;

function* files(directory: string, ending: string): Generator<string> {
  for (const entry of Deno.readDirSync(directory)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) yield* files(path, ending);
    else if (entry.name.endsWith(ending)) yield path;
  }
}

test("every planner's variants are collected", async () => {
  const collected = new Set(variants().map(programKey));
  const left: string[] = [];
  for (const path of files(root, ".ts")) {
    const planner = await import(`file://${path}`);
    const own: Program[] = planner.variants?.() ?? [];
    if (own.some((program) => !collected.has(programKey(program)))) left.push(path.slice(root.length + 1));
  }
  assert.equal(left, []);
});

test("every shader file is the source of a variant", () => {
  const sources = variants().map(({ source }) => source);
  // A fragment counts when it is a part of a program's text.
  const unused = [...files(root, ".wgsl")].filter((path) => {
    const text = Deno.readTextFileSync(path).trim();
    return !sources.some((source) => source.includes(text));
  });
  assert.equal(unused.map((path) => path.slice(root.length + 1)), []);
});

test("what the planners of products and convolutions emit is always among the combinations", () => {
  const known = amongCombinations(variants());
  const steps = [...epilogues()].flatMap((epilogue) => [...productSteps(epilogue), ...convolutionSteps(epilogue)]);
  const unknown = steps.map(({ plan }) => plan.program).filter((program) => !known(program));
  assert.equal([...new Set(unknown.map(({ name, constants }) => `${name} ${JSON.stringify(constants)}`))], []);
});

test("every variant compiles on naga, and combinations of their constants are valid", async () => {
  prepareEnvironment();
  for (const all of [shaders(variants()), texts(combinations(variants(), drawn({ suite: 12, nightly: 48 })))]) {
    const { refusals, compiled, lacking } = await compile(all);
    assert.equal(refusals, []);
    assert.ok(compiled > all.length / 2, `only ${compiled} of ${all.length} were compiled`);
    for (const [feature, count] of Object.entries(lacking)) console.log(`  ${count} left out: no ${feature} here`);
  }
});

function* epilogues(): Generator<Epilogue> {
  for (const bias of ["none", "add"] as const) {
    for (const residual of ["none", "add"] as const) {
      for (const activation of ["none", "relu", "relu6"] as const) yield { bias, residual, activation };
    }
  }
}

function* productSteps(epilogue: Epilogue): Generator<Step> {
  for (const [m, n, k] of [[1, 1, 1], [3, 64, 7], [64, 10, 128], [13, 8, 6], [128, 256, 4096]]) {
    for (const a of ["k", "rows"] as const) {
      for (const b of ["k", "rows"] as const) yield* planGemm({ m, n, k, a, b, ...epilogue }).steps;
    }
  }
}

function* convolutionSteps(epilogue: Epilogue): Generator<Step> {
  for (const shape of convolutions()) {
    const forward = planConvForward(shape, epilogue);
    yield* [...forward.prepare, ...forward.steps, ...planConvDgrad(shape).steps, ...planConvWgrad(shape).steps];
  }
}

function* convolutions(): Generator<ConvShape> {
  for (const kernel of [1, 2, 3, 4, 5, 7, 9, 11]) {
    for (const stride of [1, 2]) {
      for (const [batch, size, channels, filters, groups] of SIZES) {
        const pad = Math.floor(kernel / 2);
        const shape: ConvShape = {
          batch,
          channels,
          filters,
          groups,
          height: size,
          width: size + 1,
          kernel: [kernel, kernel],
          stride: [stride, stride],
          pads: [pad, pad, pad, pad],
          dilation: [1, 1],
        };
        yield shape;
        if (groups === 1) yield { ...shape, taps: Array.from({ length: channels * kernel }, (_, t) => t * kernel) };
        if (kernel > 1) yield { ...shape, pads: [0, 0, pad, pad], dilation: [1, 2], height: 2 * size, width: 3 * size };
      }
    }
  }
}

/** batch, height, channels, filters, groups */
const SIZES = [[1, 14, 3, 16, 1], [64, 8, 16, 33, 1], [1, 11, 64, 5, 1], [2, 12, 12, 12, 12], [3, 16, 8, 4, 4]];

test.run();
