/** Activations that ONNX has under the graph's names, read and written by one table; PRelu, as it is read. */
import { numberAttrs } from "../../graph/attrs.ts";
import type { OpName } from "../../graph/types.ts";
import { floatAttribute } from "./attributes.ts";
import type { Call } from "./call.ts";
import { required } from "./call.ts";
import type { Lowering } from "./lower.ts";

/** The numbers of each with ONNX's defaults: attributes in both. */
const SAME = {
  Relu: {},
  LeakyRelu: { alpha: 0.01 },
  Sigmoid: {},
  Tanh: {},
  HardSigmoid: { alpha: 0.2, beta: 0.5 },
  HardSwish: {},
  Elu: { alpha: 1 },
  Softplus: {},
  Mish: {},
  Abs: {},
} as const satisfies Partial<Record<OpName, Readonly<Record<string, number>>>>;

type SameActivation = keyof typeof SAME;

/** Opsets that the younger ones need. */
const SINCE: Partial<Record<SameActivation, number>> = { Mish: 18 };

const NAMES = Object.keys(SAME) as SameActivation[];

export const ACTIVATION_IMPORTS = byName((op) => (call: Call): void => {
  const defaults: readonly (readonly [string, number])[] = Object.entries(SAME[op]);
  const numbers = defaults.map(([name, value]) => [name, call.attrs.float(name, value)]);
  call.emit(op, [call.activation(0)], Object.fromEntries(numbers));
});

export const ACTIVATION_LOWERINGS = byName((op) => ({ node, emit, requireOpset }: Lowering): void => {
  requireOpset(SINCE[op] ?? 0);
  const numbers: readonly (readonly [string, number])[] = Object.entries(numberAttrs(node, SAME[op]));
  emit(op, node.inputs, numbers.map(([name, value]) => floatAttribute(name, value)));
});

function byName<T>(make: (op: SameActivation) => T): Readonly<Record<SameActivation, T>> {
  return Object.fromEntries(NAMES.map((op) => [op, make(op)])) as Record<SameActivation, T>;
}

/** A slope per channel, or one for all. */
export function prelu(call: Call): void {
  const x = call.activation(0);
  const [, channels, ...rest] = call.shape(x) as number[];
  const slope = required(call, 1, "slope");
  const single = slope.data.length === 1;
  const form = [channels, ...rest.map(() => 1)].join();
  if (!single && slope.shape.join() !== form && slope.shape.join() !== `1,${form}`) {
    throw call.fail(`slope [${slope.shape}] isn't one number, or one per channel: [${form}]`);
  }
  const data = single ? new Float32Array(channels).fill(Number(slope.data[0])) : slope.data;
  call.emit("PRelu", [x, call.parameter({ ...slope, shape: [channels], data }, "slope", "weight")]);
}
