import { suite } from "uvu";
import * as assert from "uvu/assert";
import { GpuError } from "../../src/gpu/errors.ts";
import { constantText, programKey, shaderText } from "../../src/gpu/shader.ts";
import type { Program } from "../../src/gpu/types.ts";

const test = suite("shader text");

function program(source: string, constants?: Record<string, number>): Program {
  return { name: "kernel", source, constants, access: [] };
}

test("const lines get their values in the types that they have", () => {
  const source = [
    "const TILE: u32 = 8u;",
    "  const SHIFT : i32=1;",
    "const SHIFT: i32 = 1i; // of what",
    "const SCALE: f32 = 0.0;",
    "const FAST: bool = false;",
    "const TILE_N: u32 = 4u;",
    "fn f() -> u32 { return TILE; }",
  ].join("\n");
  const text = constantText(program(source, { TILE: 16, SHIFT: -3, SCALE: 2, FAST: 1 }));
  assert.equal(text.split("\n"), [
    "const TILE: u32 = 16u;",
    "  const SHIFT : i32=1;",
    "const SHIFT: i32 = -3i; // of what",
    "const SCALE: f32 = 2.0;",
    "const FAST: bool = true;",
    "const TILE_N: u32 = 4u;",
    "fn f() -> u32 { return TILE; }",
  ]);
  assert.match(constantText(program(source, { SCALE: 1e-7 })), "const SCALE: f32 = 1e-7;");
  assert.is(constantText(program(source)), source);
});

test("a constant that the source lacks is refused by name", () => {
  for (
    const source of [
      "const TILES: u32 = 8u;",
      "override TILE: u32 = 8u;",
      "const TILE = 8u;",
      "// const TILE: u32 = 8u;",
    ]
  ) {
    try {
      constantText(program(source, { TILE: 4 }));
    } catch (error) {
      assert.instance(error, GpuError);
      assert.match((error as Error).message, /kernel "kernel": no line `const TILE: type = …;` to set to 4/);
      continue;
    }
    assert.unreachable(source);
  }
});

test("features come first, as the device's compiler wants them", () => {
  const half: Program = { ...program("fn f() {}"), features: ["f16", "subgroups"] };
  assert.is(shaderText(half, { f16: "enable f16;\n", subgroups: "" }), "enable f16;\nfn f() {}");
  assert.is(shaderText(program("fn f() {}"), {}), "fn f() {}");
  assert.throws(
    () => shaderText(half, { f16: "enable f16;\n" }),
    /kernel "kernel" uses subgroups, which this device lacks/,
  );
});

test("programs share a key when text and constants agree, in any order", () => {
  const key = (constants?: Record<string, number>) => programKey(program("", constants), 7);
  assert.is(key({ A: 1, B: 2 }), key({ B: 2, A: 1 }));
  assert.is.not(key({ A: 1 }), key({ A: 2 }));
  assert.is.not(key(), key({ A: 1 }));
  assert.is.not(key(), programKey(program(""), 8));
  assert.is.not(key(), programKey({ ...program(""), features: ["f16"] }, 7));
});

test.run();
