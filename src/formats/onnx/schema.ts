/**
 * Readers of onnx.proto3's messages. Every length is checked against the message around it before anything is read, a
 * field of an unexpected wire type is an error, and unknown fields are skipped as protobuf asks. Sub-graphs in
 * attributes aren't followed, so nothing nests without bound.
 */
import type { PbfReader } from "pbf";
import { UserError } from "../../errors.ts";
import type {
  OnnxAttribute,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxOpset,
  OnnxProperty,
  OnnxTensor,
  OnnxValue,
} from "./types.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

/** Wire types of protobuf: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes. Numbers may be packed or not. */
const WIRES = { varint: [0], float: [5], bytes: [2], varints: [0, 2], floats: [5, 2], doubles: [1, 2] } as const;

type Fields<T> = Readonly<Record<number, readonly [wire: keyof typeof WIRES, read: (into: T, pbf: PbfReader) => void]>>;

/**
 * @throws Error for bytes that aren't a whole ModelProto
 * @throws UserError for one that is too large
 */
export function readModelMessage(pbf: PbfReader): OnnxModel {
  const model = readFields<Writable<OnnxModel>>(pbf, pbf.length, {
    irVersion: 0,
    producer: "",
    opsets: [],
    graph: { name: "", nodes: [], initialisers: [], inputs: [], outputs: [] },
    properties: [],
  }, MODEL);
  return model;
}

const MODEL: Fields<Writable<OnnxModel>> = {
  1: ["varint", (model, pbf) => model.irVersion = pbf.readVarint(true)],
  2: ["bytes", (model, pbf) => model.producer = pbf.readString()],
  7: ["bytes", (model, pbf) => model.graph = nested(pbf, model.graph as Writable<OnnxGraph>, GRAPH)],
  8: ["bytes", (model, pbf) => model.opsets.push(nested(pbf, { domain: "", version: 0 }, OPSET))],
  14: ["bytes", (model, pbf) => model.properties.push(nested(pbf, { key: "", value: "" }, PROPERTY))],
};

const PROPERTY: Fields<Writable<OnnxProperty>> = {
  1: ["bytes", (property, pbf) => property.key = pbf.readString()],
  2: ["bytes", (property, pbf) => property.value = pbf.readString()],
};

const OPSET: Fields<Writable<OnnxOpset>> = {
  1: ["bytes", (opset, pbf) => opset.domain = pbf.readString()],
  2: ["varint", (opset, pbf) => opset.version = pbf.readVarint(true)],
};

const GRAPH: Fields<Writable<OnnxGraph>> = {
  1: ["bytes", (graph, pbf) => {
    if (graph.nodes.length === MOST_NODES) throw new UserError(`has more than ${MOST_NODES} nodes`);
    graph.nodes.push(nested(pbf, emptyNode(), NODE));
  }],
  2: ["bytes", (graph, pbf) => graph.name = pbf.readString()],
  5: ["bytes", (graph, pbf) => graph.initialisers.push(nested(pbf, emptyTensor(), TENSOR))],
  11: ["bytes", (graph, pbf) => graph.inputs.push(nested(pbf, { name: "", dataType: 0 }, VALUE))],
  12: ["bytes", (graph, pbf) => graph.outputs.push(nested(pbf, { name: "", dataType: 0 }, VALUE))],
  15: ["bytes", () => {
    throw new Error("it has sparse initialisers, which aren't supported");
  }],
};

const emptyNode = (): Writable<OnnxNode> => ({ name: "", op: "", domain: "", inputs: [], outputs: [], attributes: [] });

const NODE: Fields<Writable<OnnxNode>> = {
  1: ["bytes", (node, pbf) => node.inputs.push(pbf.readString())],
  2: ["bytes", (node, pbf) => node.outputs.push(pbf.readString())],
  3: ["bytes", (node, pbf) => node.name = pbf.readString()],
  4: ["bytes", (node, pbf) => node.op = pbf.readString()],
  5: ["bytes", (node, pbf) => node.attributes.push(attribute(nested(pbf, emptyAttribute(), ATTRIBUTE)))],
  7: ["bytes", (node, pbf) => node.domain = pbf.readString()],
};

interface AttributeMessage {
  name: string;
  type: number;
  f: number;
  i: number;
  s: string;
  t: OnnxTensor;
  floats: number[];
  ints: number[];
}

const emptyAttribute = (): AttributeMessage => (
  { name: "", type: 0, f: 0, i: 0, s: "", t: emptyTensor(), floats: [], ints: [] }
);

const ATTRIBUTE: Fields<AttributeMessage> = {
  1: ["bytes", (message, pbf) => message.name = pbf.readString()],
  2: ["float", (message, pbf) => message.f = pbf.readFloat()],
  3: ["varint", (message, pbf) => message.i = pbf.readVarint(true)],
  4: ["bytes", (message, pbf) => message.s = pbf.readString()],
  5: ["bytes", (message, pbf) => message.t = nested(pbf, emptyTensor(), TENSOR)],
  7: ["floats", (message, pbf) => pbf.readPackedFloat(message.floats)],
  8: ["varints", (message, pbf) => pbf.readPackedVarint(message.ints, true)],
  20: ["varint", (message, pbf) => message.type = pbf.readVarint(true)],
};

function attribute({ name, type, f, i, s, t, floats, ints }: AttributeMessage): OnnxAttribute {
  switch (type) {
    case 1:
      return { name, kind: "float", value: f };
    case 2:
      return { name, kind: "int", value: i };
    case 3:
      return { name, kind: "string", value: s };
    case 4:
      return { name, kind: "tensor", value: t };
    case 6:
      return { name, kind: "floats", value: floats };
    case 7:
      return { name, kind: "ints", value: ints };
    default:
      return { name, kind: "other", value: type };
  }
}

const emptyTensor = (): Writable<OnnxTensor> => ({ name: "", dims: [], dataType: 0 });

const TENSOR: Fields<Writable<OnnxTensor>> = {
  1: ["varints", (tensor, pbf) => {
    pbf.readPackedVarint(tensor.dims, true);
    if (tensor.dims.length > MOST_DIMS) throw new UserError(`has a tensor of more than ${MOST_DIMS} dimensions`);
  }],
  2: ["varint", (tensor, pbf) => tensor.dataType = pbf.readVarint(true)],
  4: ["floats", (tensor, pbf) => tensor.floats = pbf.readPackedFloat(tensor.floats as number[])],
  5: ["varints", (tensor, pbf) => tensor.ints = pbf.readPackedVarint(tensor.ints as number[], true)],
  7: ["varints", (tensor, pbf) => tensor.ints = pbf.readPackedVarint(tensor.ints as number[], true)],
  8: ["bytes", (tensor, pbf) => tensor.name = pbf.readString()],
  9: ["bytes", (tensor, pbf) => tensor.raw = pbf.readBytes()],
  10: ["doubles", (tensor, pbf) => tensor.doubles = pbf.readPackedDouble(tensor.doubles as number[])],
  11: ["varints", (tensor, pbf) => tensor.ints = pbf.readPackedVarint(tensor.ints as number[])],
  13: ["bytes", (tensor, pbf) => {
    const { key, value } = nested(pbf, { key: "", value: "" } as Writable<OnnxProperty>, PROPERTY);
    const known = tensor.external ?? { location: "", offset: 0 };
    if (key === "location") tensor.external = { ...known, location: value };
    if (key === "offset" || key === "length") tensor.external = { ...known, [key]: Number(value) };
  }],
  14: ["varint", (tensor, pbf) => {
    if (pbf.readVarint(true) === 1) tensor.external ??= { location: "", offset: 0 };
  }],
};

const VALUE: Fields<Writable<OnnxValue>> = {
  1: ["bytes", (value, pbf) => value.name = pbf.readString()],
  2: ["bytes", (value, pbf) => nested(pbf, value, TYPE)],
};

const TYPE: Fields<Writable<OnnxValue>> = { 1: ["bytes", (value, pbf) => nested(pbf, value, TENSOR_TYPE)] };

const TENSOR_TYPE: Fields<Writable<OnnxValue>> = {
  1: ["varint", (value, pbf) => value.dataType = pbf.readVarint(true)],
  2: ["bytes", (value, pbf) => value.shape = nested(pbf, [], SHAPE)],
};

type DimMessage = { dim: number | string | null };

const SHAPE: Fields<(number | string | null)[]> = {
  1: ["bytes", (shape, pbf) => shape.push(nested<DimMessage>(pbf, { dim: null }, DIM).dim)],
};

const DIM: Fields<DimMessage> = {
  1: ["varint", (message, pbf) => message.dim = pbf.readVarint(true)],
  2: ["bytes", (message, pbf) => message.dim = pbf.readString()],
};

/** An object is made for each message, and one of two bytes is a message: a small file can ask for any number of them. */
const MOST_MESSAGES = 2 ** 20;
/** More than any network has, and what is worked through in seconds. */
const MOST_NODES = 100_000;

/** A shape is copied wherever it is looked at. */
const MOST_DIMS = 64;

/** How many messages a reader has met inside of others. */
const counts = new WeakMap<PbfReader, number>();

function nested<T>(pbf: PbfReader, into: T, fields: Fields<T>): T {
  const count = (counts.get(pbf) ?? 0) + 1;
  if (count > MOST_MESSAGES) {
    throw new UserError(`has more than ${MOST_MESSAGES} nodes, tensors, attributes and the like`);
  }
  counts.set(pbf, count);
  const bytes = pbf.readVarint();
  return readFields(pbf, pbf.pos + bytes, into, fields);
}

function readFields<T>(pbf: PbfReader, end: number, into: T, fields: Fields<T>): T {
  while (pbf.pos < end) {
    const start = pbf.pos;
    const number = pbf.nextField(end);
    if (number === 0) throw new Error(`no field has the number 0 (byte ${start})`);
    if (pbf.type === 2) requireInside(pbf, end);
    const field = fields[number];
    if (!field) pbf.skip(pbf.type);
    else {
      const [wire, read] = field;
      if (!(WIRES[wire] as readonly number[]).includes(pbf.type)) {
        throw new Error(`field ${number} has wire type ${pbf.type} (byte ${start})`);
      }
      read(into, pbf);
    }
    if (pbf.pos > end) throw new Error(`field ${number} at byte ${start} ends beyond its message`);
  }
  return into;
}

/** What a length promises must be there before anybody reads, or makes room for, it. */
function requireInside(pbf: PbfReader, end: number): void {
  const start = pbf.pos;
  const bytes = pbf.readVarint();
  if (bytes > end - pbf.pos) {
    throw new Error(`${bytes} bytes promised at byte ${start}, ${Math.max(0, end - pbf.pos)} left`);
  }
  pbf.pos = start;
}
