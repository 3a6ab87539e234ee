/** Typed access to the attributes of an ONNX node, where one that nobody asked for is refused, and makers of new ones. */
import { show, UserError } from "../../errors.ts";
import type { OnnxAttribute, OnnxNode, OnnxTensor } from "./types.ts";

export interface Attributes {
  integer(name: string, fallback: number): number;
  float(name: string, fallback: number): number;
  text(name: string, fallback: string): string;
  integers(name: string): readonly number[] | undefined;
  floats(name: string): readonly number[] | undefined;
  tensor(name: string): OnnxTensor | undefined;
  /** An attribute that may stand there, but only with this value. */
  only(name: string, value: number): void;
  /** Attributes that say nothing in the mode that the operator is in, whatever they are. */
  ignore(...names: string[]): void;
  /** @throws UserError where an attribute is left that nobody asked for */
  finish(): void;
}

/** `Conv "/layer1/conv1": …`; without a name of its own a node goes by what it makes. */
export function onnxError(node: Pick<OnnxNode, "op" | "name" | "outputs">, message: string): UserError {
  return new UserError(`${node.op} ${show(node.name || (node.outputs[0] ?? ""))}: ${message}`);
}

/** Each reader throws a UserError that names node and attribute where the attribute has another type. */
export function attributesOf(node: OnnxNode): Attributes {
  const left = new Map(node.attributes.map((attribute) => [attribute.name, attribute]));
  const take = <K extends OnnxAttribute["kind"]>(name: string, kind: K) => {
    const attribute = left.get(name);
    left.delete(name);
    if (attribute && attribute.kind !== kind) {
      throw onnxError(node, `attribute ${show(name)} is of type ${attribute.kind}, expected ${kind}`);
    }
    return attribute?.value as Extract<OnnxAttribute, { kind: K }>["value"] | undefined;
  };
  const integer = (name: string, fallback: number) => take(name, "int") ?? fallback;
  return {
    integer,
    float(name, fallback) {
      const value = take(name, "float");
      return value === undefined ? fallback : decimal(value);
    },
    text: (name, fallback) => take(name, "string") ?? fallback,
    integers: (name) => take(name, "ints"),
    floats: (name) => take(name, "floats"),
    tensor: (name) => take(name, "tensor"),
    only(name, value) {
      const given = integer(name, value);
      if (given !== value) throw onnxError(node, `attribute ${name} ${given} isn't supported, expected ${value}`);
    },
    ignore(...names) {
      for (const name of names) left.delete(name);
    },
    finish() {
      const [attribute] = left.values();
      if (attribute) throw onnxError(node, `attribute ${show(attribute.name)} isn't supported`);
    },
  };
}

/** The shortest decimal of a float32: 1e-5 was meant where 0.000009999999747378752 is stored. */
function decimal(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

export function integerAttribute(name: string, value: number): OnnxAttribute {
  return { name, kind: "int", value };
}

export function floatAttribute(name: string, value: number): OnnxAttribute {
  return { name, kind: "float", value };
}

export function textAttribute(name: string, value: string): OnnxAttribute {
  return { name, kind: "string", value };
}

export function integersAttribute(name: string, value: readonly number[]): OnnxAttribute {
  return { name, kind: "ints", value };
}
