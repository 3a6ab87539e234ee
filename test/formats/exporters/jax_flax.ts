/** As converters of JAX write networks of Flax: images [N,H,W,C], counted names, attention by Einsum, variances as E(x²) − μ². */
import { type Attributes, type WrittenFile, writtenGraph } from "./written_graph.ts";

const [SIZE, HEADS, DEPTH] = [12, 3, 4];

/** Patches, a norm over features, attention of several heads, and an MLP with GELU by tanh. */
export function encoder(opset: number): WrittenFile {
  const g = writtenGraph();
  let count = 0;
  const op = (type: string, inputs: readonly string[], attributes: Attributes = {}) =>
    g.node(`node_${type}_${count}`, type, inputs, [`var_${count++}`], attributes);
  const number = (value: number) => g.floats(`const_${count++}`, [], value);
  const ints = (...values: number[]) => g.ints(`const_${count++}`, values);
  const layerNorm = (x: string, name: string) => {
    const axes = ints(-1);
    const mean = op("ReduceMean", [x, axes], { keepdims: 1 });
    const squares = op("ReduceMean", [op("Mul", [x, x]), axes], { keepdims: 1 });
    const variance = op("Max", [number(0), op("Sub", [squares, op("Mul", [mean, mean])])]);
    const root = op("Sqrt", [op("Add", [variance, number(1e-6)])]);
    const scale = op("Mul", [op("Reciprocal", [root]), g.weight(`${name}.scale`, 1, 1, SIZE)]);
    return op("Add", [op("Mul", [op("Sub", [x, mean]), scale]), g.weight(`${name}.bias`, 1, 1, SIZE)]);
  };
  const dense = (x: string, name: string, from: number, to: number) =>
    op("Add", [op("MatMul", [x, g.weight(`${name}.kernel`, from, to)]), g.weight(`${name}.bias`, to)]);

  let x = op("Transpose", ["in_0"], { perm: [0, 3, 1, 2] });
  x = op("Conv", [x, g.weight("embedding.kernel", SIZE, 3, 2, 2), g.weight("embedding.bias", SIZE)], {
    strides: [2, 2],
    pads: [0, 0, 0, 0],
    dilations: [1, 1],
    group: 1,
  });
  x = op("Transpose", [x], { perm: [0, 2, 3, 1] });
  const batch = op("Shape", ["in_0"], { start: 0, end: 1 });
  x = op("Reshape", [x, op("Concat", [batch, ints(12, SIZE)], { axis: 0 })]);
  x = op("Add", [x, g.weight("pos_embedding", 1, 12, SIZE)]);
  const normed = layerNorm(x, "LayerNorm_0");
  const [q, k, v] = ["query", "key", "value"].map((name) => {
    const heads = op("Einsum", [normed, g.weight(`${name}.kernel`, SIZE, HEADS, DEPTH)], { equation: "btd,dhk->bthk" });
    return op("Add", [heads, g.weight(`${name}.bias`, 1, 1, HEADS, DEPTH)]);
  });
  const scaled = op("Div", [q, number(Math.sqrt(DEPTH))]);
  const weights = op("Softmax", [op("Einsum", [scaled, k], { equation: "BTNH,BSNH->BNTS" })], { axis: -1 });
  const mixed = op("Einsum", [weights, v], { equation: "BNTS,BSNH->BTNH" });
  const out = op("Einsum", [mixed, g.weight("out.kernel", HEADS, DEPTH, SIZE)], { equation: "bthk,hkd->btd" });
  const y = op("Add", [x, op("Add", [out, g.weight("out.bias", SIZE)])]);
  const hidden = dense(layerNorm(y, "LayerNorm_1"), "Dense_0", SIZE, 24);
  const cube = op("Mul", [op("Mul", [hidden, hidden]), hidden]);
  const inner = op("Add", [hidden, op("Mul", [number(0.044715), cube])]);
  const gate = op("Add", [number(1), op("Tanh", [op("Mul", [number(Math.sqrt(2 / Math.PI)), inner])])]);
  const active = op("Mul", [hidden, op("Mul", [number(0.5), gate])]);
  const z = op("Add", [y, dense(active, "Dense_1", 24, SIZE)]);
  const mean = op("ReduceMean", [z, ints(1)], { keepdims: 0 });
  g.node("node_out", "Identity", [dense(mean, "Dense_2", SIZE, 5)], ["out_0"]);
  return g.file({ input: "in_0", shape: ["B", 8, 6, 3], output: "out_0", opset, producer: "jax2onnx" });
}
