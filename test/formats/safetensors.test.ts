import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import {
  dtypeOf,
  readSafetensors,
  type StoredTensor,
  toFloat32,
  writeSafetensors,
} from "../../src/formats/safetensors.ts";
import { random } from "../../kernels/random/philox.ts";

const test = suite("safetensors");

const sample = (): Map<string, StoredTensor> =>
  new Map<string, StoredTensor>([
    ["bytes", { dtype: "U8", shape: [3], data: new Uint8Array([1, 2, 255]) }],
    ["conv.weight", { dtype: "F32", shape: [2, 1, 2], data: new Float32Array([1, -2.5, NaN, Infinity]) }],
    ["half", { dtype: "F16", shape: [2], data: new Uint16Array([0x3c00, 0xc100]) }],
    ["brain", { dtype: "BF16", shape: [1], data: new Uint16Array([0x3fc0]) }],
    ["steps", { dtype: "I64", shape: [], data: new BigInt64Array([-5n]) }],
    ["index", { dtype: "I32", shape: [2], data: new Int32Array([-1, 7]) }],
    ["counter", { dtype: "U32", shape: [1], data: new Uint32Array([0xffffffff]) }],
    ["nothing", { dtype: "F32", shape: [0, 4], data: new Float32Array() }],
    ["__proto__", { dtype: "BOOL", shape: [1], data: new Uint8Array([1]) }],
  ]);

test("round trip of every dtype, metadata included", () => {
  const metadata = { format: "pt", 'äöü "quoted"': "line\nbreak" };
  const bytes = writeSafetensors(sample(), metadata);
  const { tensors, metadata: found } = readSafetensors(bytes, "x.safetensors");
  assert.equal(found, metadata);
  assert.equal([...tensors.keys()].sort(), [...sample().keys()].sort());
  for (const [name, { dtype, shape, data }] of sample()) {
    const read = tensors.get(name)!;
    assert.equal([read.dtype, read.shape], [dtype, shape], name);
    assert.is(read.data.constructor, data.constructor, name);
    assert.equal(new Uint8Array(read.data.buffer), new Uint8Array(data.buffer), name);
  }
  assert.equal(writeSafetensors(tensors, metadata), bytes, "equal content, equal bytes");
});

test("the layout is the format's: length, JSON, data at multiples of 8", () => {
  const bytes = writeSafetensors(new Map([["a", { dtype: "F32", shape: [2], data: new Float32Array([1, 2]) }]]));
  const view = new DataView(bytes.buffer);
  const length = Number(view.getBigUint64(0, true));
  assert.is(length % 8, 0);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  assert.equal(header, { a: { dtype: "F32", shape: [2], data_offsets: [0, 8] } });
  assert.is(view.getFloat32(8 + length + 4, true), 2);
});

test("a file that other software wrote unaligned is read all the same", () => {
  const header = new TextEncoder().encode('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}');
  const bytes = new Uint8Array(8 + header.length + 4 + 3).subarray(3);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  view.setFloat32(8 + header.length, 1.5, true);
  assert.equal(readSafetensors(bytes, "x").tensors.get("a")!.data, new Float32Array([1.5]));
});

test("names that look like keys, and spaces behind the header, are no duplicates", () => {
  const { tensors, metadata } = readSafetensors(
    withHeader(
      '{"__metadata__":{"a":"\\"a\\":{}","b":"{","c":"-1e3"},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}   ',
    ),
    "x",
  );
  assert.equal([[...tensors.keys()], metadata], [["a"], { a: '"a":{}', b: "{", c: "-1e3" }]);
});

test("toFloat32 widens every dtype", () => {
  const values = (name: string) => [...toFloat32(sample().get(name)!)];
  assert.equal(values("half"), [1, -2.5]);
  assert.equal(values("brain"), [1.5]);
  assert.equal(values("steps"), [-5]);
  assert.equal(values("bytes"), [1, 2, 255]);
  const half = (bits: number) => toFloat32({ dtype: "F16", shape: [1], data: new Uint16Array([bits]) })[0];
  assert.is(half(0x0001), 2 ** -24);
  assert.is(half(0x7bff), 65504);
  assert.is(half(0xfc00), -Infinity);
  assert.ok(Number.isNaN(half(0x7e00)));
  assert.is(dtypeOf(new Float32Array()), "F32");
  assert.is(dtypeOf(new Uint8Array()), "U8");
});

test("writing refuses data that doesn't fit its shape or dtype", () => {
  const write = (tensor: StoredTensor) => () => writeSafetensors(new Map([["a", tensor]]));
  assert.throws(
    write({ dtype: "F32", shape: [3], data: new Float32Array(2) }),
    /"a": Float32Array\(2\) is no F32 \[3\]/,
  );
  assert.throws(write({ dtype: "I32", shape: [2], data: new Float32Array(2) }), /is no I32/);
});

const entry = (more: object) => ({ a: { dtype: "F32", shape: [2], data_offsets: [0, 8], ...more } });
const wrong: [name: string, bytes: Uint8Array, message: RegExp][] = [
  ["empty", new Uint8Array(), /0 bytes found, at least 8 expected/],
  ["cut in its length", new Uint8Array(5), /5 bytes found/],
  ["header beyond the end", withHeader("{}", 0, 99), /header claims 99 bytes, the file has 2 after/],
  ["header of 2^60 bytes", withHeader("{}", 0, 2 ** 60), /header claims/],
  ["no JSON", withHeader("{oops"), /no valid JSON/],
  ["no UTF-8", withHeader("\xff", 0), /no valid JSON|JSON object expected/],
  ["a name twice", withHeader('{"a":{"b":1},"\\u0061":1}'), /its header has "a" twice/],
  ["a key of an entry twice", withHeader('{"a":{"dtype":"F32","shape":[],"shape":[]}}'), /has "shape" twice/],
  ["a header behind a space", withHeader(" {}"), /its header begins with " ", "\{" expected/],
  ["a byte order mark", withHeader("\ufeff{}"), /no valid JSON/],
  ["a list", withHeader("[1]"), /header is \[1\], a JSON object expected/],
  ["metadata with numbers", withHeader('{"__metadata__":{"n":1}}'), /__metadata__ "n" is 1, a string expected/],
  ["metadata a list", withHeader('{"__metadata__":[]}'), /an object of strings expected/],
  ["entry a number", withHeader('{"a":1}'), /tensor "a" is 1/],
  ["unknown dtype", withHeader(entry({ dtype: "F31" }), 8), /tensor "a" has dtype "F31", one of F64, F32/],
  ["inherited dtype", withHeader(entry({ dtype: "toString" }), 8), /has dtype "toString"/],
  ["negative shape", withHeader(entry({ shape: [-2] }), 8), /has the number -2, only digits expected/],
  ["fractional shape", withHeader(entry({ shape: [0.5, 4] }), 8), /has the number 0.5/],
  ["whole numbers with an exponent", withHeader('{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}', 1), /1e0/],
  ["whole numbers with a point", withHeader('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1.0]}}', 1), /1\.0/],
  ["minus zero", withHeader('{"a":{"dtype":"U8","shape":[-0],"data_offsets":[0,0]}}'), /has the number -0/],
  ["shape a text", withHeader(entry({ shape: "2" }), 8), /has shape "2"/],
  ["huge shape", withHeader(entry({ shape: [2 ** 50, 2 ** 50] }), 8), /whose size overflows/],
  [
    "an overflow that a 0 follows",
    withHeader(entry({ shape: [2 ** 53 - 1, 2 ** 53 - 1, 0], data_offsets: [0, 0] })),
    /whose size overflows/,
  ],
  ["offsets missing", withHeader(entry({ data_offsets: undefined }), 8), /data_offsets nothing/],
  ["offsets reversed", withHeader(entry({ data_offsets: [8, 0] }), 8), /needs 8 bytes, its data_offsets span -8/],
  ["size and offsets differ", withHeader(entry({ shape: [3] }), 8), /needs 12 bytes, its data_offsets span 8/],
  ["data cut off", withHeader(entry({}), 7), /tensors take 8 bytes, 7 found/],
  ["data too long", withHeader(entry({}), 9), /tensors take 8 bytes, 9 found/],
  ["a gap", withHeader(entry({ data_offsets: [4, 12] }), 12), /begins at byte 4 of the data, 0 expected/],
  [
    "an overlap",
    withHeader({ ...entry({}), b: entry({}).a }, 8),
    /tensor "b" begins at byte 0 of the data, 8 expected/,
  ],
];
for (const [name, bytes, message] of wrong) {
  test(`refuses: ${name}`, () => {
    const error = failure(bytes)!;
    assert.match(error.message, message);
    assert.ok(error.message.startsWith("model.safetensors: "), error.message);
  });
}

test("thousands of mutations: a correct file or one clear line", () => {
  const whole = writeSafetensors(sample(), { state: "{}" });
  const rng = random(7, "fuzz");
  const outcomes = { read: 0, refused: 0 };
  for (let i = 0; i < 6000; i++) {
    let draw = 0;
    const pick = (below: number) => rng.below(below, i, draw++);
    let bytes = whole.slice();
    const headerEnd = 8 + Number(new DataView(whole.buffer).getBigUint64(0, true));
    if (i % 3 === 0) bytes = bytes.slice(0, pick(bytes.length));
    for (let flips = 1 + pick(3); flips > 0; flips--) bytes[pick(headerEnd)] = pick(256);
    const error = failure(bytes);
    outcomes[error ? "refused" : "read"]++;
  }
  assert.ok(outcomes.refused > 4000, JSON.stringify(outcomes));
  assert.ok(outcomes.read > 50, JSON.stringify(outcomes));
});

test("headers of any JSON: a correct file or one clear line", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(32), (header, data) => {
      failure(withHeader(header, data));
    }),
    { numRuns: 500, seed: 1 },
  );
});

/** The error of reading, checked to be a user's single line; undefined where the file could be read. */
function failure(bytes: Uint8Array): UserError | undefined {
  try {
    const { tensors } = readSafetensors(bytes, "model.safetensors");
    for (const { shape, data } of tensors.values()) assert.is(data.length, shape.reduce((a, b) => a * b, 1));
  } catch (error) {
    assert.instance(error, UserError, String(error));
    assert.not.match((error as UserError).message, /\n/);
    assert.ok((error as UserError).message.length < 400, (error as UserError).message);
    return error as UserError;
  }
}

function withHeader(header: unknown, dataBytes = 0, claimed?: number): Uint8Array {
  const text = typeof header === "string" ? header : JSON.stringify(header) ?? "";
  const json = new TextEncoder().encode(text);
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(claimed ?? json.length), true);
  bytes.set(json, 8);
  return bytes;
}

test.run();
