import { zipSync } from "fflate";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { readPth } from "../../src/formats/pth/read.ts";
import { type StoredTensor, toFloat32 } from "../../src/formats/safetensors.ts";
import { archive, concat, dict, floats, legacy, ordered, pickle, type Saved, tensor, type View } from "./pth-files.ts";

const test = suite("pth");

const read = (bytes: Uint8Array) => readPth(bytes, "net.pth");
const numbers = (tensor: StoredTensor | undefined) => [...toFloat32(tensor!)];

/** Written by torch 1.13.1's torch.save, with and without `_use_new_zipfile_serialization`. */
for (const name of ["torch-views.pth", "torch-views-legacy.pth"]) {
  test(`what torch wrote: ${name}`, () => {
    const found = read(Deno.readFileSync(`${import.meta.dirname}/fixtures/${name}`));
    const content = [...found].map(([key, { dtype, shape }]) => `${key} ${dtype} [${shape}]`);
    assert.equal(content, [
      "conv.weight F32 [2,1,2,2]",
      "bn.num_batches_tracked I64 []",
      "transposed F32 [4,3]",
      "window F32 [2,2]",
      "twice F32 [2,2]",
      "half F16 [2]",
      "brain BF16 [2]",
      "double F64 [1]",
      "empty F32 [0,3]",
      "flags BOOL [2]",
      "bytes U8 [2]",
      "ints I32 [2]",
    ]);
    assert.equal(numbers(found.get("conv.weight")), [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75]);
    assert.equal(numbers(found.get("transposed")), [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
    assert.equal(numbers(found.get("window")), [5, 6, 9, 10]);
    assert.equal(numbers(found.get("twice")), [5, 6, 9, 10]);
    assert.equal(numbers(found.get("half")), [1.5, -2]);
    assert.equal(numbers(found.get("brain")), [1.5, -2]);
    assert.equal([...found.get("double")!.data], [0.1]);
    assert.equal([...found.get("bn.num_batches_tracked")!.data], [3n]);
    assert.equal(numbers(found.get("ints")), [-1, 7]);
  });
}

const writers = { archive, legacy } as const;
for (const [name, write] of Object.entries(writers)) {
  test(`${name}: any view is read as its strides say`, () => {
    const view = fc.record({
      sizes: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }),
      steps: fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 4, maxLength: 4 }),
      order: fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4, maxLength: 4 }),
      offset: fc.nat(5),
    });
    fc.assert(
      fc.property(view, ({ sizes: shape, steps, order, offset }) => {
        const strides = shape.map(() => 0);
        let extent = 1;
        for (const axis of order.filter((axis) => axis < shape.length)) {
          strides[axis] = extent * steps[axis];
          extent = strides[axis] * shape[axis];
        }
        const storage = floats("0", Array.from({ length: offset + extent }, (_, i) => i + 0.5));
        const found = read(write(ordered({ a: { view: { storage, offset, shape, strides } } }))).get("a")!;
        assert.equal(found.shape, shape);
        assert.equal(numbers(found), elementsOf({ storage, offset, shape, strides }));
      }),
      { numRuns: 150, seed: 5 },
    );
  });

  test(`${name}: a checkpoint's state dict is found among its other things`, () => {
    const weights = ordered({ "module.fc.weight": tensor(floats("0", [1, 2]), [1, 2]) });
    const best = tensor(floats("1", [91.7]), []);
    const momentum = dict({ momentum_buffer: tensor(floats("2", [1]), [1]) });
    const others = { epoch: 300, best_prec1: best, arch: "resnet20", lr: 0.1, none: null, optimizer: momentum };
    const checkpoints: Saved[] = [
      weights,
      dict({ ...others, state_dict: weights }),
      dict({ epoch: 1, net: weights, acc: 95.5 }),
      dict({ model: dict({ state_dict: weights, version: 2 ** 40 }) }),
      dict({ anything: weights, args: [1, { tuple: [1, 2, 3, 4] }, -1000] }),
    ];
    for (const checkpoint of checkpoints) assert.equal([...read(write(checkpoint)).keys()], ["module.fc.weight"]);
  });

  test(`${name}: whatever isn't data is refused by its name`, () => {
    for (
      const [global, args] of [
        ["os.system", ["touch /tmp/owned"]],
        ["builtins.eval", ["1+1"]],
        ["__builtin__.getattr", []],
        ["torch.nn.modules.conv.Conv2d", []],
        ["numpy.core.multiarray.scalar", []],
        ["argparse.Namespace", []],
        ["collections.__proto__", []],
        ["toString.constructor", []],
      ] as [string, Saved[]][]
    ) {
      refused(
        write(dict({ state_dict: { call: global, args } })),
        new RegExp(`it holds ${global}, which isn't allowed`),
      );
    }
    // A class for a storage, called; a number, called.
    refused(write({ call: "torch.FloatStorage", args: [] }), /calls torch.FloatStorage/);
    refused(write({ raw: [0x4b, 1, 0x29, 0x52] }), /calls 1/);
    refused(write(ordered({ a: { call: "torch._utils._rebuild_parameter", args: [1, true, null] } })), /of no tensor/);
  });

  test(`${name}: several state dicts, or none`, () => {
    const a = ordered({ w: tensor(floats("0", [1]), [1]) });
    const b = ordered({ w: tensor(floats("1", [2]), [1]) });
    assert.equal(numbers(read(write(dict({ ema: a, state_dict: b }))).get("w")), [2]);
    refused(write(dict({ ema: a, teacher: b })), /several state dicts, "ema" and "teacher"/);
    refused(write(dict({ net: a, model: b })), /several state dicts, "net" and "model"/);
    refused(
      write(dict({ epoch: 3, w: tensor(floats("0", [1]), [1]) })),
      /no state dict but \{"epoch": 3, "w": a tensor/,
    );
    refused(write([1, 2]), /it holds a list of 2, a state dict expected/);
    refused(write(dict({})), /no state dict but \{\}/);
  });

  test(`${name}: views that reach beyond their storage, or ask for too much`, () => {
    const storage = floats("0", [1, 2, 3, 4]);
    const view = (shape: number[], strides: number[], offset = 0): Saved => ({
      view: { storage, offset, shape, strides },
    });
    const one = (view: Saved) => write(ordered({ a: view }));
    assert.equal(numbers(read(one(view([2], [2], 1))).get("a")), [2, 4]);
    assert.equal(numbers(read(one(view([2, 4], [0, 1]))).get("a")), [1, 2, 3, 4, 1, 2, 3, 4]);
    refused(one(view([5], [1])), /tensor "a" \[5\] reaches to element 4 of its storage, which has 4/);
    refused(one(view([2], [2], 2)), /reaches to element 4/);
    refused(one(view([2 ** 40, 2 ** 40], [1, 1])), /reaches to element/);
    refused(one(view([2 ** 30, 2 ** 20], [0, 0])), /its tensors would take \d+ bytes, its storages have 16/);
    refused(one(view([2], [1, 1])), /has the shape a tuple of 1 and the strides a tuple of 2/);
    refused(one(view([-1], [1])), /has the shape/);
    refused(one(view([2], [-1], 1)), /has the shape/);
    refused(one(view(Array(65).fill(1), Array(65).fill(1))), /has 65 dimensions/);
    const unknown = { ...storage, type: "torch.ComplexFloatStorage" };
    refused(one({ view: { storage: unknown, shape: [1], strides: [1] } }), /holds torch.ComplexFloatStorage/);
    const other = { ...floats("0", [1, 2, 3, 4, 5]) };
    refused(write(ordered({ a: view([4], [1]), b: tensor(other, [5]) })), /its storage "0" is F32 of 4 and F32 of 5/);
  });
}

test("numbers of a big-endian machine", () => {
  const storage = { ...floats("0", [0, 0]), bytes: Uint8Array.of(0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0) };
  const order = (name: string) => ({ "archive/byteorder": new TextEncoder().encode(name) });
  assert.equal(numbers(read(archive(ordered({ a: tensor(storage, [2]) }), order("big"))).get("a")), [1, -2]);
  assert.equal(numbers(read(archive(ordered({ a: tensor(floats("0", [1, 2]), [2]) }), order("little"))).get("a")), [
    1,
    2,
  ]);
  refused(archive(ordered({ a: tensor(storage, [2]) }), order("middle")), /byte order is "middle"/);
});

test("what Python 2 wrote: texts as bytes, an OrderedDict from pairs, attributes of a state dict", () => {
  const short = (text: string): Saved => ({ raw: [0x55, text.length, ...new TextEncoder().encode(text)] });
  const pairs = [[short("a.weight"), tensor(floats("0", [1]), [1])]];
  const root: Saved = { call: "collections.OrderedDict", args: [pairs] };
  assert.equal([...read(legacy(root)).keys()], ["a.weight"]);
  refused(legacy({ call: "collections.OrderedDict", args: [[1, 2]] }), /something else than pairs/);
  // BUILD: attributes, as `_metadata` is one.
  const state = [...pickle(dict({ _metadata: ordered({}) })).slice(2, -1)];
  const withState = [...pickle(ordered({ a: tensor(floats("0", [1]), [1]) })).slice(2, -1), ...state, 0x62];
  const bytes = archive({ raw: withState }, { "archive/data/0": floats("0", [1]).bytes });
  assert.equal([...read(bytes).keys()], ["a"]);
});

const whole = ordered({ a: tensor(floats("0", [1, 2]), [2]) });
const zip = (entries: Record<string, Uint8Array>, level: 0 | 6 = 0) => zipSync(entries, { level });
const text = (value: string) => new TextEncoder().encode(value);
const wrong: [name: string, bytes: Uint8Array, message: RegExp][] = [
  ["a zip file of something else", zip({ "a.txt": text("hello") }), /0 entries named data.pkl/],
  ["two archives in one", zip({ "a/data.pkl": pickle(1), "b/data.pkl": pickle(1) }), /2 entries named data.pkl/],
  [
    "a TorchScript archive",
    zip({ "a/code/b.py": text("x"), "a/data.pkl": pickle(1) }),
    /TorchScript archive, which holds code/,
  ],
  ["compressed entries", zip({ "a/data.pkl": text("a".repeat(99)) }, 6), /"a\/data.pkl" is compressed/],
  ["a missing storage", archive({ raw: [...pickle(whole).slice(2, -1)] }), /needs 8 bytes, the file has none/],
  ["a short storage", archive(whole, { "archive/data/0": new Uint8Array(4) }), /needs 8 bytes, the file has 4/],
  [
    "bytes behind the pickle",
    archive(whole, { "archive/data.pkl": concat([pickle(whole), text("x")]) }),
    /1 bytes follow/,
  ],
  ["a cut zip file", archive(whole).slice(0, -30), /not a whole zip file/],
  ["another pickle", pickle("hello"), /a pickle, but not one that torch.save wrote/],
  ["a pickle of functions", pickle({ global: "torch.FloatStorage" }), /head holds more than numbers and texts/],
  ["a cut legacy file", legacy(whole).slice(0, -1), /8 bytes promised at byte \d+, 7 left/],
  ["a longer legacy file", concat([legacy(whole), text("x")]), /1 bytes follow its last storage/],
];
for (const [name, bytes, message] of wrong) test(`refuses ${name}`, () => refused(bytes, message));

const opcodes: [name: string, raw: number[], message: RegExp][] = [
  ["an instance", [0x28, 0x69, ...text("os\nsystem\n")], /opcode INST at byte 3/],
  ["a new object", [0x81], /opcode NEWOBJ/],
  ["an extension", [0x82, 1], /opcode EXT1/],
  ["no opcode", [0xff], /opcode 0xff/],
  ["an empty stack", [0x30], /takes from an empty stack/],
  ["a mark and nothing", [0x28, 0x61], /takes from an empty stack/],
  ["no mark", [0x4e, 0x65], /takes from an empty stack/],
  ["a missing memo", [0x68, 7], /missing memo 7/],
  ["half an item", [0x7d, 0x28, 0x4e, 0x75], /an item without a value/],
  ["a key twice", [0x7d, 0x28, 0x4b, 1, 0x4e, 0x4b, 1, 0x4e, 0x75], /the key 1 twice/],
  ["items of a list", [0x5d, 0x4e, 0x4e, 0x73], /sets items of a list/],
  ["the state of a list", [0x5d, 0x7d, 0x62], /sets the state of a list/],
  ["a text beyond the end", [0x58, 0xff, 0xff, 0xff, 0x7f], /2147483647 bytes promised at byte \d+, 1 left/],
  ["no UTF-8", [0x58, 1, 0, 0, 0, 0xff], /isn't UTF-8/],
  ["protocol 9", [0x80, 9], /pickle protocol 9 isn't supported/],
  ["a line without end", [0x63, 0x61], /has no end/],
];
for (const [name, raw, message] of opcodes) {
  test(`refuses a pickle with ${name}`, () => refused(archive({ raw }), message));
}

test("a dict that holds itself, or nests deep, is refused and never followed", () => {
  refused(archive({ raw: [0x7d, 0x71, 0, 0x4b, 1, 0x68, 0, 0x73] }), /dicts within dicts|no state dict/);
  refused(archive({ raw: [...Array(50_000).fill(0x5d), ...Array(49_999).fill(0x61)] }), /it holds a list of 1/);
});

test("a pickle without end of steps is refused", () => {
  refused(archive({ raw: Array(2_000_001).fill(0x28) }), /more than 2000000 steps/);
});

test("a directory can't promise more than the file holds", () => {
  const bytes = archive(whole);
  const at = bytes.findLastIndex((_, i) => bytes[i] === 0x50 && bytes[i + 1] === 0x4b && bytes[i + 2] === 1);
  const view = new DataView(bytes.buffer);
  for (const offset of [20, 24]) view.setUint32(at + offset, 0x7fffffff, true);
  refused(bytes, /its zip directory promises more than the file's \d+ bytes/);
});

function refused(bytes: Uint8Array, message: RegExp): void {
  try {
    read(bytes);
  } catch (error) {
    assert.instance(error, UserError, (error as Error).stack);
    const { message: text } = error as UserError;
    assert.match(text, message);
    assert.ok(text.startsWith("net.pth: ") && text.length < 500 && !/\p{Cc}/u.test(text), text);
    return;
  }
  assert.unreachable(`not refused: ${message}`);
}

/** Row by row, from the definition of strides. */
function elementsOf({ storage, offset = 0, shape, strides }: View): number[] {
  const values = new Float32Array(storage.bytes.buffer);
  const walk = (axis: number, at: number): number[] =>
    axis === shape.length
      ? [values[at]]
      : Array.from({ length: shape[axis] }, (_, i) => walk(axis + 1, at + i * strides[axis])).flat();
  return walk(0, offset);
}

test.run();
