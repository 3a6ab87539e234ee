/** Every shader that uses workgroup memory also runs, and compiles, with it in a storage buffer. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { variants } from "../../kernels/variants.ts";
import { constantText } from "../../src/gpu/shader.ts";
import { inStorage } from "../../src/gpu/workgroup_storage.ts";
import { prepareEnvironment } from "../../src/cli/environment.ts";
import compile from "./compile.ts";
import { storedShaders } from "./shaders.ts";

const test = suite("workgroup memory in storage");

test("a shader's memory becomes a struct of which each workgroup has one, zero at the start", () => {
  const stored = inStorage(
    `
const SIDE: u32 = 4u;
alias V = vec4<f32>;
var<workgroup> tile: array<V, SIDE * 2u>; // a comment
var<workgroup> count: atomic<u32>;
var<workgroup> last: array<f32, 3>;
fn sum() -> V { return tile[0] + p.tile; }
@compute @workgroup_size(8, SIDE)
fn main(@builtin(workgroup_id) group: vec3<u32>) {
  workgroupBarrier();
  atomicAdd(&count, 1u);
}
`,
    3,
    "a kernel",
  )!;
  // 8 vec4 are 128 bytes, then 4, then 12: 144 is the next multiple of 16.
  assert.is(stored.bytes, 144);
  assert.match(stored.code, "@group(0) @binding(3) var<storage, read_write> workgroup_memory: array<WorkgroupMemory>;");
  assert.match(stored.code, "return workgroup_memory[workgroup_place].tile[0] + p.tile;");
  assert.match(stored.code, "atomicAdd(&workgroup_memory[workgroup_place].count, 1u);");
  assert.match(
    stored.code,
    "fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) workgroup_groups: vec3<u32>, " +
      "@builtin(local_invocation_index) workgroup_local: u32) {",
  );
  assert.match(stored.code, "for (var i = workgroup_local; i < u32(SIDE * 2u); i += 32u)");
  assert.match(
    stored.code,
    "if (workgroup_local == 0u) { atomicStore(&workgroup_memory[workgroup_place].count, u32(0)); }",
  );
  assert.not.match(stored.code, /workgroupBarrier|var<workgroup>|a comment/);
});

test("sizes follow the layout rules of WGSL", () => {
  const bytes = (declarations: string) =>
    inStorage(`${declarations}\n@compute @workgroup_size(1) fn main() {\n}`, 1, "a kernel")!.bytes;
  assert.is(bytes("var<workgroup> a: f32;"), 4);
  assert.is(bytes("var<workgroup> a: array<vec3<f32>, 5>;"), 80);
  assert.is(bytes("var<workgroup> a: u32;\nvar<workgroup> b: vec2<f32>;"), 16);
  assert.is(bytes("var<workgroup> a: array<array<f32, 65>, 2>;"), 520);
  assert.is(bytes("const N: u32 = 2u;\nconst M: u32 = 3u * N + 1u;\nvar<workgroup> a: array<f32, (M - 1u) / 2u>;"), 12);
  assert.is(inStorage("@compute @workgroup_size(1) fn main() {\n}", 1, "a kernel"), undefined);
});

test("what can't be read, or would name two things alike, is refused by the kernel's name", () => {
  const refused = (code: string) => () => inStorage(code, 1, "a kernel");
  const end = "\n@compute @workgroup_size(1) fn main() {\n}";
  assert.throws(refused(`var<workgroup> a: bool;${end}`), /kernel "a kernel": .+ a variable of type bool/);
  assert.throws(refused(`var<workgroup> a: array<f32, max(1u, 2u)>;${end}`), /the size max/);
  assert.throws(refused(`var<workgroup> a: f32;\nfn f(a: f32) {}${end}`), /another thing is called a, too/);
  assert.throws(refused("var<workgroup> a: f32;"), /no entry point/);
});

test("every variant with workgroup memory compiles on naga without it, and binds at most 8 storage buffers", async () => {
  prepareEnvironment();
  const all = storedShaders(variants());
  assert.ok(all.length > 30, `only ${all.length}`);
  for (const { name, access } of all) {
    assert.ok(!access || access.filter((kind) => kind !== "uniform").length <= 8, `${name} has no binding left`);
  }
  assert.equal((await compile(all)).refusals, []);
});

test("a variant's constants are in it", () => {
  const program = variants().find(({ name }) => name === "softmax")!;
  assert.match(inStorage(constantText(program), 3, program.name)!.code, /array<f32, 64>/);
});

test.run();
