/** Files whose structure once kept their filters from being pruned: which groups can go, and that half of them does. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { inspect } from "../../src/prune/inspect.ts";
import { readNpy } from "../formats/npy.ts";
import { testGpu } from "../gpu.ts";
import { judgeFile } from "./judged_file.ts";

const test = suite("structures in onnx files");

const FOLDER = new URL("../formats/fixtures/onnx/", import.meta.url);

interface Structure {
  /** Groups that can go -> how many of each there are. */
  readonly groups: Readonly<Record<string, number>>;
  /** Groups that can't, but for the output's, and the reason. */
  readonly whole?: Readonly<Record<string, RegExp>>;
  /** Does a file beside it hold an input, and what PyTorch made of it? Default yes. */
  readonly judged?: false;
}

const FILES: Readonly<Record<string, Structure>> = {
  // A Linear reads a flattened image beside other features, of a width that the pixels don't divide.
  flatten_two_sources: { groups: { "a.0": 4, "b.0": 6 } },
  twosrc: { groups: { "a": 4, "b": 6 }, judged: false },
  // One convolution applied twice: it goes with what it reads.
  shared_conv_twice: { groups: { "a.0": 12 }, judged: false },
  // An untrained ViT, whose equal zeros are one initialiser.
  vit_fresh_zero_bias: {
    groups: { "b.0.a.qkv": 4, "b.0.m.0": 32, "b.1.a.qkv": 4, "b.1.m.0": 32 },
    whole: { e: /^it flows through LayerNormalization / },
  },
  // Two branches, each times its share of a softmax over both, [N,1,1,1].
  softmax_gate_branches: { groups: { "a.0": 8 }, whole: { "g.2": /^it flows through Softmax / } },
  // Images [N,H,W,C], transposed before the first convolution, as tf2onnx writes Keras' networks.
  keras_nhwc: { groups: { "model/conv2d_0": 8, "model/conv2d_1": 12, "model/conv2d_2": 16 } },
  // nn.MultiheadAttention: tokens first, samples second.
  vit_torch_mha: { groups: { "b.a.a": 4, "b.m.0": 32 }, whole: { e: /^it flows through LayerNormalization / } },
};

for (const [name, { groups, whole = {}, judged = true }] of Object.entries(FILES)) {
  test(`${name}: its groups can go, and half of it computes the same`, async () => {
    const bytes = Deno.readFileSync(new URL(`${name}.onnx`, FOLDER));
    const [input, expected] = !judged
      ? []
      : ["in", "out"].map((kind) => readNpy(Deno.readFileSync(new URL(`${name}.${kind}.npy`, FOLDER))));
    const { graph } = await judgeFile(await testGpu(), name, { bytes, input, expected: expected?.data });
    const found = inspect(graph).groups;
    const can = found.flatMap(({ name, size, why }) => why === undefined ? [[name, size]] : []);
    assert.equal(Object.fromEntries(can), groups);
    const cannot = found.filter(({ why }) => why !== undefined && !/^it makes the output/.test(why));
    assert.equal(cannot.map(({ name }) => name), Object.keys(whole));
    for (const { name, why } of cannot) assert.match(why!, whole[name]);
  });
}

test.run();
