/**
 * Networks of the structure of torchvision's and of common detectors, in the nodes in which torch.onnx.export writes them, with
 * their batch norms folded into the convolutions; few blocks, narrow, with made-up weights. "input" to "output".
 */
import type { OnnxModel } from "../../src/formats/onnx/types.ts";
import { multiheadAttention, tracer } from "./onnx-exports.ts";

type Tracer = ReturnType<typeof tracer>;

/** Depth of a value's channels beside its name: exporters know it, and layers need it. */
interface Value {
  readonly name: string;
  readonly channels: number;
}

interface ConvOptions {
  readonly stride?: number;
  readonly group?: number;
  readonly dilation?: number;
}

/** What the networks below are made of. */
function layers(t: Tracer) {
  let count = 0;
  const l = {
    t,
    input: { name: "input", channels: 3 } as Value,
    conv(x: Value, out: number, side: number, { stride = 1, group = 1, dilation = 1 }: ConvOptions = {}): Value {
      const pad = dilation * (side - 1) >> 1;
      const name = t.conv(x.name, `layer${count++}`, [out, x.channels / group, side], {
        strides: [stride, stride],
        pads: [pad, pad, pad, pad],
        dilations: [dilation, dilation],
        group,
      });
      return { name, channels: out };
    },
    op(op: string, x: Value, attributes: Parameters<Tracer["op"]>[2] = {}, ...more: string[]): Value {
      return { ...x, name: t.op(op, [x.name, ...more], attributes) };
    },
    relu: (x: Value) => l.op("Relu", x),
    silu: (x: Value) => ({ ...x, name: t.op("Mul", [x.name, t.op("Sigmoid", [x.name])]) }),
    add: (a: Value, b: Value) => ({ ...a, name: t.op("Add", [a.name, b.name]) }),
    concat(values: readonly Value[]): Value {
      const channels = values.reduce((sum, value) => sum + value.channels, 0);
      return { name: t.op("Concat", values.map(({ name }) => name), { axis: 1 }), channels };
    },
    maxPool(x: Value, side: number, stride: number): Value {
      const pad = (side - 1) >> 1;
      return l.op("MaxPool", x, { kernel_shape: [side, side], strides: [stride, stride], pads: [pad, pad, pad, pad] });
    },
    /** Squeeze and excitation: a gate for each channel. */
    excite(x: Value, hidden: number, inner: (x: Value) => Value, outer: (x: Value) => Value): Value {
      const squeezed = inner(l.conv(l.op("GlobalAveragePool", x), hidden, 1));
      const gate = outer(l.conv(squeezed, x.channels, 1));
      return { ...x, name: t.op("Mul", [gate.name, x.name]) };
    },
    upsample(x: Value): Value {
      const scales = t.op("Constant", [], { value: { name: "", dims: [4], dataType: 1, floats: [1, 1, 2, 2] } });
      const attributes = { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" };
      return { ...x, name: t.op("Resize", [x.name, "", scales], attributes) };
    },
    /** Batch, then the given sizes. */
    reshape: (x: string, ...sizes: number[]) => t.op("Reshape", [x, t.sizes(t.size(x, 0), ...sizes)]),
    classifier(x: Value, classes = 5): string {
      const flat = t.op("Flatten", [t.op("GlobalAveragePool", [x.name])], { axis: 1 });
      return l.linear(flat, x.channels, classes);
    },
    linear(x: string, from: number, to: number): string {
      const name = `fc${count++}`;
      return t.op("Gemm", [x, t.weight(`${name}.weight`, to, from), t.weight(`${name}.bias`, to)], { transB: 1 });
    },
    /** Over tokens, or over pixels whose channels come last. */
    project: (x: string, from: number, to: number) => t.linear(x, `linear${count++}`, from, to),
    norm: (x: string, size: number) => t.layerNorm(x, `norm${count++}`, size),
    done: (last: string, size = 16) => t.done(last, ["batch", 3, size, size], 14),
  };
  return l;
}

type Layers = ReturnType<typeof layers>;

/** MBConv: expand, depthwise, squeeze and excite, project, and a shortcut where shapes allow. */
function inverted(
  l: Layers,
  x: Value,
  { out, expand, side, stride, act, gate }: {
    out: number;
    expand: number;
    side: number;
    stride: number;
    act: (x: Value) => Value;
    gate?: (x: Value) => Value;
  },
): Value {
  const wide = x.channels * expand;
  let y = expand === 1 ? x : act(l.conv(x, wide, 1));
  y = act(l.conv(y, wide, side, { stride, group: wide }));
  if (gate) y = l.excite(y, Math.max(2, x.channels >> 1), gate === l.relu ? l.relu : act, gate);
  y = l.conv(y, out, 1);
  return stride === 1 && out === x.channels ? l.add(y, x) : y;
}

function efficientNet(): OnnxModel {
  const l = layers(tracer("by fan-in"));
  const sigmoid = (x: Value) => l.op("Sigmoid", x);
  let x = l.silu(l.conv(l.input, 8, 3, { stride: 2 }));
  x = inverted(l, x, { out: 6, expand: 1, side: 3, stride: 1, act: l.silu, gate: sigmoid });
  x = inverted(l, x, { out: 8, expand: 3, side: 3, stride: 2, act: l.silu, gate: sigmoid });
  x = inverted(l, x, { out: 8, expand: 3, side: 5, stride: 1, act: l.silu, gate: sigmoid });
  return l.done(l.classifier(l.silu(l.conv(x, 24, 1))));
}

function mobileNetV3(): OnnxModel {
  const l = layers(tracer("by fan-in"));
  const swish = (x: Value) => l.op("HardSwish", x);
  const sigmoid = (x: Value) => l.op("HardSigmoid", x, { alpha: 1 / 6 });
  let x = swish(l.conv(l.input, 8, 3, { stride: 2 }));
  x = inverted(l, x, { out: 8, expand: 2, side: 3, stride: 1, act: l.relu });
  x = inverted(l, x, { out: 12, expand: 3, side: 5, stride: 2, act: swish, gate: sigmoid });
  x = inverted(l, x, { out: 12, expand: 3, side: 5, stride: 1, act: swish, gate: sigmoid });
  const flat = l.t.op("Flatten", [l.t.op("GlobalAveragePool", [swish(l.conv(x, 20, 1)).name])], { axis: 1 });
  return l.done(l.linear(l.t.op("HardSwish", [l.linear(flat, 20, 16)]), 16, 5));
}

/** Units split their channels, convolve one half, join and shuffle. */
function shuffleNet(): OnnxModel {
  const l = layers(tracer("by fan-in"));
  const { t } = l;
  const shuffled = (x: Value, side: number): Value => {
    const pairs = t.op("Reshape", [x.name, t.sizes(t.size(x.name, 0), 2, x.channels / 2, side, side)]);
    const turned = t.op("Transpose", [pairs], { perm: [0, 2, 1, 3, 4] });
    return { ...x, name: t.op("Reshape", [turned, t.sizes(t.size(turned, 0), -1, side, side)]) };
  };
  const branch = (x: Value, out: number, stride: number) => {
    const y = l.conv(l.relu(l.conv(x, out, 1)), out, 3, { stride, group: out });
    return l.relu(l.conv(y, out, 1));
  };
  const down = (x: Value, out: number, side: number) => {
    const short = l.relu(l.conv(l.conv(x, x.channels, 3, { stride: 2, group: x.channels }), out / 2, 1));
    return shuffled(l.concat([short, branch(x, out / 2, 2)]), side);
  };
  const unit = (x: Value, side: number) => {
    const [left, right] = t.many("Split", [x.name, t.integers(x.channels / 2, x.channels / 2)], 2, { axis: 1 });
    const half = (name: string): Value => ({ name, channels: x.channels / 2 });
    return shuffled(l.concat([half(left), branch(half(right), x.channels / 2, 1)]), side);
  };
  let x = l.relu(l.conv(l.input, 8, 3, { stride: 2 }));
  x = unit(unit(down(x, 16, 4), 4), 4);
  x = unit(down(x, 24, 2), 2);
  return l.done(l.classifier(l.relu(l.conv(x, 32, 1))));
}

function googLeNet(): OnnxModel {
  const l = layers(tracer("by fan-in"));
  const layer = (x: Value, out: number, side: number, options?: ConvOptions) => l.relu(l.conv(x, out, side, options));
  const inception = (x: Value, widths: readonly number[]) =>
    l.concat([
      layer(x, widths[0], 1),
      layer(layer(x, widths[1], 1), widths[2], 3),
      layer(layer(x, widths[3], 1), widths[4], 3),
      layer(l.maxPool(x, 3, 1), widths[5], 1),
    ]);
  let x = l.maxPool(layer(l.input, 8, 7, { stride: 2 }), 3, 2);
  x = inception(layer(layer(x, 8, 1), 12, 3), [4, 6, 8, 2, 4, 4]);
  x = inception(l.maxPool(x, 3, 2), [6, 6, 8, 4, 6, 4]);
  return l.done(l.classifier(x));
}

/** LayerNorm over channels, depthwise 7×7, an MLP over pixels whose channels come last, layer scale. */
function convNext(): OnnxModel {
  const l = layers(tracer("by fan-in"));
  const { t } = l;
  let count = 0;
  const last = (x: string) => t.op("Transpose", [x], { perm: [0, 2, 3, 1] });
  const first = (x: string) => t.op("Transpose", [x], { perm: [0, 3, 1, 2] });
  const norm = (x: Value) => ({ ...x, name: first(l.norm(last(x.name), x.channels)) });
  const block = (x: Value): Value => {
    const { channels } = x;
    const y = last(l.conv(x, channels, 7, { group: channels }).name);
    const mlp = l.project(t.gelu(l.project(l.norm(y, channels), channels, 4 * channels)), 4 * channels, channels);
    const scaled = t.op("Mul", [t.weight(`layer_scale${count++}`, channels, 1, 1), first(mlp)]);
    return l.add({ name: scaled, channels }, x);
  };
  const patches = (x: Value, out: number): Value => ({
    name: t.conv(x.name, `patches${count++}`, [out, x.channels, 2], {
      kernel_shape: [2, 2],
      strides: [2, 2],
      pads: [0, 0, 0, 0],
    }),
    channels: out,
  });
  let x = block(block(norm(patches(l.input, 8))));
  x = block(patches(norm(x), 12));
  const pooled = t.op("Flatten", [norm(l.op("GlobalAveragePool", x)).name], { axis: 1 });
  return l.done(l.linear(pooled, 12, 5));
}

/** RegNetY: bottlenecks of grouped convolutions with squeeze and excitation. */
function regNet(): OnnxModel {
  const l = layers(tracer("by fan-in"));
  const sigmoid = (x: Value) => l.op("Sigmoid", x);
  const block = (x: Value, out: number, stride: number) => {
    let y = l.relu(l.conv(x, out, 1));
    y = l.relu(l.conv(y, out, 3, { stride, group: out / 4 }));
    y = l.conv(l.excite(y, 4, l.relu, sigmoid), out, 1);
    return l.relu(l.add(y, stride === 1 && x.channels === out ? x : l.conv(x, out, 1, { stride })));
  };
  let x = l.relu(l.conv(l.input, 8, 3, { stride: 2 }));
  x = block(block(x, 16, 2), 16, 1);
  return l.done(l.classifier(block(x, 24, 2)));
}

/** Down, up by transposed convolutions, and a skip at each size. */
function uNet(): OnnxModel {
  const l = layers(tracer("by fan-in"));
  const { t } = l;
  let count = 0;
  const double = (x: Value, out: number) => l.relu(l.conv(l.relu(l.conv(x, out, 3)), out, 3));
  const up = (x: Value, out: number): Value => {
    const name = `up${count++}`;
    const inputs = [x.name, t.weight(`${name}.weight`, x.channels, out, 2, 2), t.weight(`${name}.bias`, out)];
    return { name: t.op("ConvTranspose", inputs, { kernel_shape: [2, 2], strides: [2, 2] }), channels: out };
  };
  const a = double(l.input, 6);
  const b = double(l.maxPool(a, 2, 2), 8);
  const c = double(l.maxPool(b, 2, 2), 12);
  const d = double(l.concat([b, up(c, 8)]), 8);
  return l.done(l.conv(double(l.concat([a, up(d, 6)]), 6), 3, 1).name);
}

/** Cross-stage parts, a pyramid of poolings, features of two sizes, and a head for each. */
function yolo(): OnnxModel {
  const l = layers(tracer("by fan-in"));
  const { t } = l;
  const layer = (x: Value, out: number, side: number, options?: ConvOptions) => l.silu(l.conv(x, out, side, options));
  const stage = (x: Value, out: number) => {
    const half = out / 2;
    const joint = layer(x, out, 1);
    const [left, right] = t.many("Split", [joint.name, t.integers(half, half)], 2, { axis: 1 })
      .map((name): Value => ({ name, channels: half }));
    const inner = l.add(layer(layer(right, half, 3), half, 3), right);
    return layer(l.concat([left, right, inner]), out, 1);
  };
  const pyramid = (x: Value) => {
    const reduced = layer(x, x.channels / 2, 1);
    const pools = [reduced];
    for (let i = 0; i < 3; i++) pools.push(l.maxPool(pools[i], 5, 1));
    return layer(l.concat(pools), x.channels, 1);
  };
  const predicted = (x: Value, side: number) => {
    const made = l.conv(x, 2 * 7, 1);
    const anchors = t.op("Reshape", [made.name, t.sizes(t.size(made.name, 0), 2, 7, side, side)]);
    const turned = t.op("Transpose", [anchors], { perm: [0, 1, 3, 4, 2] });
    return t.op("Sigmoid", [l.reshape(turned, 2 * side * side, 7)]);
  };
  const fine = stage(layer(layer(l.input, 8, 3, { stride: 2 }), 12, 3, { stride: 2 }), 12);
  const coarse = pyramid(stage(layer(fine, 16, 3, { stride: 2 }), 16));
  const joined = stage(l.concat([l.upsample(layer(coarse, 12, 1)), fine]), 12);
  const again = stage(l.concat([layer(joined, 12, 3, { stride: 2 }), coarse]), 16);
  return l.done(t.op("Concat", [predicted(joined, 4), predicted(again, 2)], { axis: 1 }));
}

/** A residual backbone, dilated convolutions side by side with pooled features, and an upsampled score for each pixel. */
function deepLab(): OnnxModel {
  const l = layers(tracer("by fan-in"));
  const { t } = l;
  const layer = (x: Value, out: number, side: number, options?: ConvOptions) => l.relu(l.conv(x, out, side, options));
  const resized = (x: Value, side: number): Value => {
    const sizes = t.sizes(t.size(x.name, 0), x.channels, side, side);
    const attributes = { mode: "linear", coordinate_transformation_mode: "half_pixel" };
    return { ...x, name: t.op("Resize", [x.name, "", "", sizes], attributes) };
  };
  const bottleneck = (x: Value, out: number, dilation: number) => {
    const y = l.conv(layer(layer(x, out / 2, 1), out / 2, 3, { dilation }), out, 1);
    return l.relu(l.add(y, x.channels === out ? x : l.conv(x, out, 1)));
  };
  let x = l.maxPool(layer(l.input, 8, 7, { stride: 2 }), 3, 2);
  x = bottleneck(bottleneck(x, 16, 1), 16, 2);
  const pooled = resized(layer(l.op("GlobalAveragePool", x), 6, 1), 4);
  x = l.concat([layer(x, 6, 1), ...[1, 2, 3].map((dilation) => layer(x, 6, 3, { dilation })), pooled]);
  const scores = l.conv(layer(layer(x, 8, 1), 8, 3), 3, 1);
  return l.done(resized(scores, 16).name);
}

/** A class token before the patches, blocks of nn.MultiheadAttention and an MLP, the token's features at the end. */
function viT(): OnnxModel {
  const l = layers(tracer("by fan-in"));
  const { t } = l;
  const [dim, heads, tokens] = [12, 3, 17];
  const patch = { kernel_shape: [4, 4], strides: [4, 4], pads: [0, 0, 0, 0] };
  const patches = t.op("Reshape", [
    t.conv("input", "conv_proj", [dim, 3, 4], patch),
    t.sizes(t.size("input", 0), dim, 16),
  ]);
  const rows = t.op("Transpose", [patches], { perm: [0, 2, 1] });
  const token = t.op("Expand", [t.weight("class_token", 1, 1, dim), t.sizes(t.size(rows, 0), 1, dim)]);
  let x = t.op("Add", [t.op("Concat", [token, rows], { axis: 1 }), t.weight("pos_embedding", 1, tokens, dim)]);
  for (let i = 0; i < 2; i++) {
    const turned = t.op("Transpose", [l.norm(x, dim)], { perm: [1, 0, 2] });
    const attended = multiheadAttention(t, turned, `block${i}`, "sdpa", { tokens, dim, heads, batch: "batch" });
    x = t.op("Add", [t.op("Transpose", [attended], { perm: [1, 0, 2] }), x]);
    x = t.op("Add", [x, l.project(t.gelu(l.project(l.norm(x, dim), dim, 4 * dim)), 4 * dim, dim)]);
  }
  return l.done(l.linear(t.op("Gather", [l.norm(x, dim), t.integer(0)], { axis: 1 }), dim, 5));
}

/** Attention inside windows that stand beside the batch, every second time of shifted ones; patches merged in between. */
function swin(): OnnxModel {
  const l = layers(tracer("by fan-in"));
  const { t } = l;
  const side = 2;
  let count = 0;
  const windowed = (x: string, size: number, dim: number, shift: number) => {
    const heads = dim / 4, cells = size / side, windows = cells * cells, area = side * side;
    const rolled = (value: string, by: number) =>
      [1, 2].reduce((so, axis) => {
        const [head, tail] = [[0, by], [by, size]].map(([from, to]) =>
          t.op("Slice", [so, t.integers(from), t.integers(to), t.integers(axis)])
        );
        return t.op("Concat", [tail, head], { axis });
      }, value);
    const batch = t.size(x, 0);
    const y = shift > 0 ? rolled(x, shift) : x;
    const tiles = t.op("Reshape", [y, t.sizes(batch, cells, side, cells, side, dim)]);
    const all = t.op("Mul", [batch, t.integer(windows)]);
    const turned = t.op("Transpose", [tiles], { perm: [0, 1, 3, 2, 4, 5] });
    const joint = l.project(t.op("Reshape", [turned, t.sizes(all, area, dim)]), dim, 3 * dim);
    const apart = t.op("Reshape", [joint, t.sizes(all, area, 3, heads, dim / heads)]);
    const stacked = t.op("Transpose", [apart], { perm: [2, 0, 3, 1, 4] });
    const [q, k, v] = [0, 1, 2].map((i) => t.op("Gather", [stacked, t.integer(i)], { axis: 0 }));
    const keys = t.op("Transpose", [k], { perm: [0, 1, 3, 2] });
    let scores = t.op("MatMul", [t.op("Mul", [q, t.number((dim / heads) ** -0.5)]), keys]);
    scores = t.op("Add", [scores, t.weight(`bias${count++}`, 1, heads, area, area)]);
    if (shift > 0) {
      const masked = t.op("Add", [
        t.op("Reshape", [scores, t.sizes(batch, windows, heads, area, area)]),
        t.weight(`mask${count++}`, 1, windows, 1, area, area),
      ]);
      scores = t.op("Reshape", [masked, t.sizes(-1, heads, area, area)]);
    }
    const product = t.op("MatMul", [t.op("Softmax", [scores], { axis: -1 }), v]);
    const merged = t.op("Reshape", [t.op("Transpose", [product], { perm: [0, 2, 1, 3] }), t.sizes(all, area, dim)]);
    const back = t.op("Reshape", [l.project(merged, dim, dim), t.sizes(batch, cells, cells, side, side, dim)]);
    const image = t.op("Reshape", [
      t.op("Transpose", [back], { perm: [0, 1, 3, 2, 4, 5] }),
      t.sizes(batch, size, size, dim),
    ]);
    return shift > 0 ? rolled(image, size - shift) : image;
  };
  const block = (x: string, size: number, dim: number, shift: number) => {
    const y = t.op("Add", [x, windowed(l.norm(x, dim), size, dim, shift)]);
    return t.op("Add", [y, l.project(t.gelu(l.project(l.norm(y, dim), dim, 4 * dim)), 4 * dim, dim)]);
  };
  const halved = (x: string, dim: number) => {
    const corners = [[0, 0], [1, 0], [0, 1], [1, 1]].map((at) =>
      at.reduce(
        (so, from, axis) =>
          t.op("Slice", [so, t.integers(from), t.integers(2 ** 31), t.integers(axis + 1), t.integers(2)]),
        x,
      )
    );
    const joined = l.norm(t.op("Concat", corners, { axis: -1 }), 4 * dim);
    return t.op("MatMul", [joined, t.weight(`reduction${count++}`, 4 * dim, 2 * dim)]);
  };
  const patch = { kernel_shape: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0] };
  let x = t.op("Transpose", [t.conv("input", "features.0", [8, 3, 2], patch)], { perm: [0, 2, 3, 1] });
  x = block(block(l.norm(x, 8), 8, 8, 0), 8, 8, 1);
  x = block(halved(x, 8), 4, 16, 0);
  const pooled = t.op("GlobalAveragePool", [t.op("Transpose", [l.norm(x, 16)], { perm: [0, 3, 1, 2] })]);
  return l.done(l.linear(t.op("Flatten", [pooled], { axis: 1 }), 16, 5));
}

/** MLPs over tokens and over features in turn. */
function mixer(): OnnxModel {
  const l = layers(tracer("by fan-in"));
  const { t } = l;
  const [dim, tokens] = [12, 16];
  const patch = { kernel_shape: [4, 4], strides: [4, 4], pads: [0, 0, 0, 0] };
  const patches = t.op("Reshape", [t.conv("input", "stem", [dim, 3, 4], patch), t.sizes(t.size("input", 0), dim, -1)]);
  const turned = (value: string) => t.op("Transpose", [value], { perm: [0, 2, 1] });
  const mlp = (value: string, size: number, hidden: number) =>
    l.project(t.gelu(l.project(value, size, hidden)), hidden, size);
  let x = turned(patches);
  for (let i = 0; i < 2; i++) {
    x = t.op("Add", [x, turned(mlp(turned(l.norm(x, dim)), tokens, 8))]);
    x = t.op("Add", [x, mlp(l.norm(x, dim), dim, 48)]);
  }
  return l.done(l.linear(t.op("ReduceMean", [l.norm(x, dim)], { axes: [1], keepdims: 0 }), dim, 5));
}

/** A pyramid of features, and one head, of the same weights, for each of its sizes. */
function retinaNet(): OnnxModel {
  const l = layers(tracer("by fan-in"));
  const { t } = l;
  const layer = (x: Value, out: number, side: number, options?: ConvOptions) => l.relu(l.conv(x, out, side, options));
  const [c2, c3, c4] = [8, 12, 16].reduce<Value[]>(
    (stages, out) => [...stages, layer(stages[stages.length - 1] ?? l.input, out, 3, { stride: 2 })],
    [],
  );
  const p4 = l.conv(c4, 8, 1);
  const p3 = l.add(l.conv(c3, 8, 1), l.upsample(p4));
  const p2 = l.add(l.conv(c2, 8, 1), l.upsample(p3));
  const shared = [0, 1].map((i) => [t.weight(`head${i}.weight`, 8, 8, 3, 3), t.weight(`head${i}.bias`, 8)]);
  const scored = [t.weight("scores.weight", 6, 8, 3, 3), t.weight("scores.bias", 6)];
  const attributes = { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1], dilations: [1, 1], group: 1 };
  const scores = [[p2, 8], [p3, 4], [p4, 2]] as const;
  const all = scores.map(([x, side]) => {
    const hidden = shared.reduce((so, params) => t.op("Relu", [t.op("Conv", [so, ...params], attributes)]), x.name);
    const made = t.op("Conv", [hidden, ...scored], attributes);
    return l.reshape(t.op("Transpose", [made], { perm: [0, 2, 3, 1] }), side * side * 2, 3);
  });
  return l.done(t.op("Concat", all, { axis: 1 }));
}

/** The name of each, as torchvision or its authors have it, and the network. */
export const ARCHITECTURES: Readonly<Record<string, () => OnnxModel>> = {
  "vit_b_16": viT,
  "swin_t": swin,
  "efficientnet_b0": efficientNet,
  "mobilenet_v3": mobileNetV3,
  "shufflenet_v2": shuffleNet,
  "googlenet": googLeNet,
  "regnet_y": regNet,
  "convnext_tiny": convNext,
  "U-Net": uNet,
  "YOLO": yolo,
  "DeepLabV3": deepLab,
  "RetinaNet": retinaNet,
  "MLP-Mixer": mixer,
};
