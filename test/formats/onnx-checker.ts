/** The rules of ONNX's own checker that a file of ours could break, as a list of what is wrong. */
import { DATA_TYPE, type OnnxModel, type OnnxNode } from "../../src/formats/onnx/types.ts";

/** Operator -> the opset since which it has this form, fewest and most inputs, and attributes it must have. */
const SCHEMA: Readonly<Record<string, readonly [since: number, least: number, most: number, ...required: string[]]>> = {
  Abs: [13, 1, 1],
  Add: [14, 2, 2],
  AveragePool: [11, 1, 1, "kernel_shape"],
  BatchNormalization: [15, 5, 5],
  Clip: [13, 1, 3],
  Concat: [13, 1, Infinity, "axis"],
  Conv: [11, 2, 3],
  ConvTranspose: [11, 2, 3],
  DepthToSpace: [13, 1, 1, "blocksize"],
  Div: [14, 2, 2],
  Dropout: [13, 1, 3],
  Elu: [6, 1, 1],
  Expand: [13, 2, 2],
  Flatten: [13, 1, 1],
  Gather: [13, 2, 2],
  Gelu: [20, 1, 1],
  Gemm: [13, 2, 3],
  GlobalAveragePool: [1, 1, 1],
  GroupNormalization: [21, 3, 3, "num_groups"],
  HardSigmoid: [6, 1, 1],
  HardSwish: [14, 1, 1],
  Identity: [16, 1, 1],
  LayerNormalization: [17, 2, 3],
  LeakyRelu: [16, 1, 1],
  MatMul: [13, 2, 2],
  MaxPool: [12, 1, 1, "kernel_shape"],
  Mish: [18, 1, 1],
  Mul: [14, 2, 2],
  PRelu: [16, 2, 2],
  Pad: [13, 2, 4],
  ReduceMax: [18, 1, 2],
  ReduceMean: [18, 1, 2],
  ReduceSum: [13, 1, 2],
  Relu: [14, 1, 1],
  Reshape: [14, 2, 2],
  Resize: [13, 1, 4],
  ScatterElements: [16, 3, 3],
  Shape: [15, 1, 1],
  Sigmoid: [13, 1, 1],
  Slice: [13, 3, 5],
  Softmax: [13, 1, 1],
  Softplus: [1, 1, 1],
  Sub: [14, 2, 2],
  Tanh: [13, 1, 1],
  Transpose: [13, 1, 1],
};

const BYTES: Readonly<Record<number, number>> = { [DATA_TYPE.float]: 4, [DATA_TYPE.int64]: 8 };

/** Least IR version of each opset that we write. */
const IR: Readonly<Record<number, number>> = { 17: 8, 18: 8, 19: 9, 20: 9, 21: 10 };

export function checkOnnx({ irVersion, opsets, graph }: OnnxModel): string[] {
  const wrong: string[] = [];
  const rule = (holds: boolean, text: string) => holds || wrong.push(text);
  const version = opsets.find(({ domain }) => domain === "")?.version ?? 0;
  rule(
    opsets.length === 1 && version in IR && irVersion >= IR[version],
    `ir ${irVersion} for ${JSON.stringify(opsets)}`,
  );
  rule(graph.name !== "", "the graph has no name");
  rule(graph.inputs.length > 0 && graph.outputs.length > 0, "no inputs or outputs");

  const known = new Set<string>();
  const define = (name: string, what: string) => {
    rule(name !== "" && !known.has(name), `${what} "${name}" is made twice, or has no name`);
    known.add(name);
  };
  for (const { name, dataType, shape } of graph.inputs) {
    define(name, "input");
    rule(
      dataType === DATA_TYPE.float && shape !== undefined && shape[0] === "N",
      `input "${name}" has no dynamic batch`,
    );
  }
  for (const { name, dims, dataType, raw, floats, ints, external } of graph.initialisers) {
    define(name, "initialiser");
    const bytes = dims.reduce((size, d) => size * d, BYTES[dataType] ?? NaN);
    rule(
      raw?.length === bytes && !floats && !ints && !external,
      `initialiser "${name}" [${dims}] holds ${raw?.length} bytes`,
    );
  }
  const names = new Set<string>();
  for (const node of graph.nodes) {
    rule(node.name !== "" && !names.has(node.name), `two nodes are named "${node.name}"`);
    names.add(node.name);
    for (const input of node.inputs) {
      rule(input === "" || known.has(input), `${node.name} reads "${input}" before it is made`);
    }
    for (const problem of schemaProblems(node, version)) wrong.push(problem);
    for (const output of node.outputs) define(output, `output of ${node.name}`);
  }
  for (const { name, shape } of graph.outputs) {
    rule(known.has(name) && shape !== undefined, `nothing makes output "${name}"`);
  }
  return wrong;
}

function schemaProblems({ name, op, domain, inputs, attributes }: OnnxNode, version: number): string[] {
  if (domain !== "" || !Object.hasOwn(SCHEMA, op)) return [`${name}: operator ${domain}.${op} isn't standard`];
  const [since, least, most, ...required] = SCHEMA[op];
  const given = attributes.map((attribute) => attribute.name);
  return [
    ...since > version ? [`${name}: ${op} has this form since opset ${since}, the file is of ${version}`] : [],
    ...inputs.length < least || inputs.length > most ? [`${name}: ${op} with ${inputs.length} inputs`] : [],
    ...inputs.slice(0, least).includes("") ? [`${name}: ${op} lacks an input`] : [],
    ...required.filter((key) => !given.includes(key)).map((key) => `${name}: ${op} lacks ${key}`),
    ...new Set(given).size < given.length ? [`${name}: an attribute stands twice`] : [],
  ];
}
