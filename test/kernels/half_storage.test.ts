/** Buffers of f16: what a shader reads is widened, what it stores is rounded, and nothing else changes. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { variants } from "../../kernels/variants.ts";
import { prepareEnvironment } from "../../src/cli/environment.ts";
import { canBeHalf, withHalves } from "../../src/gpu/half_storage.ts";
import type { Program } from "../../src/gpu/types.ts";
import compile from "./compile.ts";
import { halfPrograms, texts } from "./shaders.ts";

const test = suite("f16 in buffers");

const program = (source: string): Program => ({ name: "a kernel", source, access: ["read", "read", "read_write"] });
const BINDINGS = `alias V = vec4<f32>;
@group(0) @binding(1) var<storage, read> x: array<V>; // of x[i]
@group(0) @binding(2) var<storage, read> i: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
`;

test("reads are widened and stores rounded, whatever stands in the brackets", () => {
  const body = (text: string, halves = [0, 2]) =>
    withHalves(program(`${BINDINGS}// here\nconst here = 1;${text}`), halves).source.split("const here = 1;")[1];
  assert.is(body("let a = x[i[n] + 1u].x * p.x;"), "let a = vec4<f32>(x[i[n] + 1u]).x * p.x;");
  assert.is(body("y[n] = max(x[n].y, y[m]);"), "y[n] = f16(max(vec4<f32>(x[n]).y, f32(y[m])));");
  assert.is(body("y[n] += s;"), "y[n] = f16(f32(y[n]) + (s));");
  assert.is(body("if (y[n] == s) { y[n] -= a - b; }"), "if (f32(y[n]) == s) { y[n] = f16(f32(y[n]) - (a - b)); }");
  assert.is(body("arrayLength(&x); xy[1] = other.y[2];"), "arrayLength(&x); xy[1] = other.y[2];");
  assert.is(body("let a = y[u32(y[0])];", [2]), "let a = f32(y[u32(f32(y[0]))]);");
  assert.is(body("let a = x[0];", [2]), "let a = x[0];");
  const source =
    `@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;\nfn f() { y[at][k] = s; y[at].z += s; }`;
  assert.match(
    withHalves({ ...program(source), access: ["read_write"] }, [0]).source,
    "y: array<vec4<f16>>;\nfn f() { y[at][k] = f16(s); y[at].z = f16(f32(y[at].z) + (s)); }",
  );
});

test("only storage of f32 can hold f16, and a program is made once", () => {
  const kernel = program(BINDINGS);
  assert.equal([0, 1, 2].map((place) => canBeHalf(kernel, place)), [true, false, true]);
  assert.throws(() => withHalves(kernel, [1]), /kernel "a kernel": binding 2 can't hold f16/);
  assert.is(withHalves(kernel, []), kernel);
  assert.is(withHalves(kernel, [0]), withHalves(kernel, [0]));
  assert.equal(withHalves(kernel, [0]).features, ["f16"]);
  const uniform = program("@group(0) @binding(1) var<uniform> w: array<vec4<f32>, 4096>;");
  assert.is(canBeHalf(uniform, 0), false);
});

test("every variant compiles on naga with f16 in its buffers", async () => {
  prepareEnvironment();
  const all = texts(halfPrograms(variants()));
  assert.ok(all.length > variants().length, `only ${all.length}`);
  const { refusals, compiled } = await compile(all);
  assert.equal(refusals, []);
  assert.ok(compiled > all.length / 2, "this adapter has f16, or nothing was tested");
});

test.run();
