import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UserError } from "../../src/errors.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { inferShapes } from "../../src/graph/infer.ts";
import { isStatistic } from "../../src/graph/roles.ts";
import type { Graph } from "../../src/graph/types.ts";
import { validateGraph } from "../../src/graph/validate.ts";
import { createModel, modelNames, type ModelOptions } from "../../src/models/zoo.ts";
import { elements } from "../../src/tensor/tensor.ts";

const test = suite("zoo");

test("published parameter counts", () => {
  const cases: [string, ModelOptions, number][] = [
    ["digits", {}, 160 + 4640 + 32832 + 650],
    ["lenet5", {}, 430_500 + 580], // 430.5 K weights (Han et al. 2015), and the biases
    ["resnet20", {}, 269_722], // akamaster/pytorch_resnet_cifar10
    ["resnet14", {}, 269_722 - 97_216], // a block less in each stage: 2 · (9C² + 2C) for C = 16, 32, 64
    ["mobilenetv2-micro", {}, 176 + 2 * 4352 + 5136 + 2 * 8832 + 10_000 + 2 * 14_848 + 2176 + 650],
    ["convnext-micro", {}, 112 + 2 * 2976 + 2112 + 2 * 10_048 + 8320 + 4 * 36_480 + 128 + 650], // a block: 8C² + 58C
    ["deit-micro", {}, 816 + 48 + 50 * 48 + 6 * (12 * 48 ** 2 + 13 * 48) + 96 + 490],
    ["resnet32", {}, 464_154],
    ["resnet44", {}, 658_586],
    ["resnet56", {}, 853_018],
    ["resnet110", {}, 1_727_962],
    ["resnet20", { shortcut: "projection" }, 269_722 + 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64],
    ["resnet18-cifar", {}, 11_173_962], // kuangliu/pytorch-cifar
    ["resnet34-cifar", {}, 21_282_122],
    ["vgg16-bn-cifar", {}, 14_728_266 - 4224], // kuangliu/pytorch-cifar, whose convolutions have biases
    ["vgg11-bn-cifar", {}, 9_231_114 - 2752],
    ["vgg19-bn-cifar", {}, 20_040_522 - 5504],
    ["densenet40", {}, 1_019_722], // andreasveit/densenet-pytorch
    ["mobilenetv2-cifar", {}, 3_504_872 - 990 * 1281], // 10 classes instead of 1000
    ["resnet18", {}, 11_689_512], // torchvision, from here on
    ["resnet34", {}, 21_797_672],
    ["vgg11-bn", {}, 132_868_840],
    ["vgg16-bn", {}, 138_365_992],
    ["vgg19-bn", {}, 143_678_248],
    ["alexnet", {}, 61_100_840],
    ["alexnet-caffe", {}, 60_965_224], // Han et al. 2015: 61 M
    ["mobilenetv2", {}, 3_504_872],
    ["convnext-t", {}, 28_589_128],
    ["deit-t", {}, 5_717_416], // timm
    ["deit-cifar", {}, 5_717_416 - 990 * 193 - 192 * (3 * (256 - 16)) - 192 * (197 - 65)],
  ];
  for (const [name, options, count] of cases) assert.is(trainableCount(createModel(name, options)), count, name);
});

/** As papers count: without the running statistics of batch norm. */
function trainableCount({ params }: Graph): number {
  return Object.values(params).filter(({ role }) => !isStatistic(role)).reduce(
    (sum, { shape }) => sum + elements(shape),
    0,
  );
}

test("multiply-adds", () => {
  assert.is(graphCost(createModel("lenet5")).macs, 20 * 576 * 25 + 50 * 64 * 500 + 500 * 800 + 5000);
  assert.is(graphCost(createModel("vgg16-bn-cifar")).macs, 313_201_664);
  assert.is(graphCost(createModel("resnet20")).macs, 40_551_040);
  const millions = (name: string) => Math.round(graphCost(createModel(name)).macs / 1e6);
  // torchvision's tables: 1.81, 15.47, 0.71, 0.30 and 4.46 GMACs; the paper's 1.3 of DeiT-T.
  assert.equal(
    ["resnet18", "vgg16-bn", "alexnet", "mobilenetv2", "convnext-t", "deit-t"].map(millions),
    [1814, 15470, 714, 301, 4456, 1254],
  );
});

test("every model is valid and ends in logits, with and without options", () => {
  for (const name of modelNames) {
    for (const options of [{}, { classes: 7, inChannels: 2, width: 0.25 }]) {
      const graph = createModel(name, options);
      validateGraph(graph);
      const [, , height] = graph.inputs[0].shape as number[];
      assert.equal(inferShapes(graph).get(graph.outputs[0]), ["N", options.classes ?? (height > 200 ? 1000 : 10)]);
      assert.equal(graph.inputs[0].shape[1], options.inChannels ?? (height < 30 ? 1 : 3));
    }
  }
  validateGraph(createModel("resnet8", { size: 28, inChannels: 1, shortcut: "projection" }));
  validateGraph(createModel("resnet8", { size: 8, inChannels: 1, width: 0.1 }));
});

test("parameters are named as torchvision and timm name them", () => {
  const names: Readonly<Record<string, readonly string[]>> = {
    "resnet18": ["conv1.weight", "bn1.running_var", "layer2.0.downsample.1.bias", "layer4.1.conv2.weight", "fc.bias"],
    "vgg16-bn": ["features.0.bias", "features.41.running_mean", "classifier.6.weight"],
    "alexnet": ["features.10.bias", "classifier.1.weight", "classifier.4.weight", "classifier.6.bias"],
    "mobilenetv2": [
      "features.0.0.weight",
      "features.1.conv.0.0.weight",
      "features.1.conv.1.weight",
      "features.2.conv.3.running_mean",
      "features.17.conv.1.1.weight",
      "features.18.1.bias",
      "classifier.1.weight",
    ],
    "densenet40": ["block3.layer.11.bn1.weight", "trans2.conv1.weight", "bn1.bias", "fc.weight"],
    "convnext-t": [
      "features.0.1.weight",
      "features.5.8.layer_scale",
      "features.6.0.bias",
      "features.7.2.block.5.bias",
      "classifier.0.weight",
      "classifier.2.weight",
    ],
    "deit-t": [
      "cls_token",
      "pos_embed",
      "blocks.11.attn.qkv.bias",
      "blocks.0.mlp.fc2.weight",
      "norm.bias",
      "head.bias",
    ],
  };
  for (const [model, expected] of Object.entries(names)) {
    const known = Object.keys(createModel(model).params);
    for (const name of expected) assert.ok(known.includes(name), `${model} has no ${name}`);
  }
});

test("what can't be made is said in one line", () => {
  const rejects = (run: () => unknown, expected: RegExp) =>
    assert.throws(run, (error: Error) => error instanceof UserError && expected.test(error.message));
  rejects(
    () => createModel("resnet21"),
    /unknown model "resnet21": expected one of resnet20, resnet8, resnet14, .* and \d+ more$/,
  );
  rejects(() => createModel("toString"), /unknown model "toString"/);
  rejects(() => createModel("digits", { shortcut: "A" }), /model "digits" has no option "shortcut": expected classes/);
  rejects(
    () => createModel("resnet8", { shortcut: "B" as "A" }),
    /option shortcut is "B", expected "A" or "projection"/,
  );
  rejects(() => createModel("digits", { width: 0 }), /option width is 0, expected a factor above 0/);
  rejects(() => createModel("digits", { classes: 1.5 }), /option classes is 1.5, expected an integer/);
  rejects(() => createModel("vgg16-bn-cifar", { size: 16 }), /kernel \[2,2\].* is larger than the input/);
  rejects(
    () => createModel("vgg16-bn", { size: 288 }),
    /map of 9×9 can't be averaged to 7×7: choose another image size/,
  );
  rejects(() => createModel("deit-cifar", { size: 30 }), /"deit-cifar": size is 30, expected a multiple of 4/);
});

test.run();
