/** The import of norms. */
import { sampleSize } from "../../graph/shapes.ts";
import { type Call, required } from "./call.ts";
import { axisOf } from "./folding.ts";
import { addConstant, multiplyConstant } from "./pointwise.ts";
import type { Constant } from "./tensors.ts";

/** One in training mode, which has running statistics as outputs too, is the norm that such training makes. */
export function batchNorm(call: Call): void {
  const { attrs } = call;
  attrs.ignore("training_mode");
  const x = call.activation(0);
  const roles = ["gamma", "beta", "mean", "variance"] as const;
  const kinds = ["weight", "bias", "running_mean", "running_var"];
  const params = roles.map((role, i) => call.parameter(required(call, i + 1, kinds[i]), role, kinds[i]));
  const epsilon = attrs.float("epsilon", 1e-5);
  call.emit("BatchNormalization", [x, ...params], { epsilon, momentum: attrs.float("momentum", 0.9) });
}

/**
 * Over the last axes, or (where the file had it in parts, and it was fused) over those that `axes` lists. Where γ and β
 * don't lie along these axes alone, they come as a product and a sum behind it.
 */
export function layerNorm(call: Call): void {
  const { attrs, node } = call;
  const x = call.activation(0);
  const shape = call.shape(x) as number[];
  const rank = shape.length;
  const first = axisOf(node, attrs.integer("axis", -1), rank);
  const axes = attrs.integers("axes")?.map((axis) => axisOf(node, axis, rank)).toSorted((a, b) => a - b) ??
    Array.from({ length: rank - first }, (_, i) => first + i);
  attrs.ignore("stash_type");
  const epsilon = attrs.float("epsilon", 1e-5);
  if (axes.length === 0 || axes[0] === 0) throw call.fail(`axes [${axes}] take in the batch, which isn't supported`);
  const others = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const perm = [...others, ...axes];
  const size = sampleSize(["N", ...axes.map((axis) => shape[axis])]);
  const gamma = call.constant(1) ?? { ...filled(size, 1), shape: shape.map((d, axis) => axes.includes(axis) ? d : 1) };
  const beta = call.constant(2);
  const along = (constant: Constant) => constant.data.length === size && isAlong(constant, shape, axes);
  const whole = along(gamma) && (!beta || along(beta));
  const params = (whole ? [gamma, ...beta ? [beta] : []] : [filled(size, 1)]).map((constant, i) =>
    call.parameter({ ...constant, shape: [size] }, i === 0 ? "gamma" : "beta", i === 0 ? "weight" : "bias")
  );
  const affine = { axis: -1, epsilon };
  const isLast = perm.every((axis, i) => axis === i);
  if (whole && isLast && axes.length === 1) return call.emit("LayerNormalization", [x, ...params], affine);
  let y = isLast ? x : call.between("Transpose", [x], { perm });
  const turned = call.shape(y).slice(1) as number[];
  if (axes.length > 1) y = call.between("Reshape", [y], { shape: [0, ...turned.slice(0, others.length - 1), size] });
  y = call.between("LayerNormalization", [y, ...params], affine);
  if (axes.length > 1) y = call.between("Reshape", [y], { shape: [0, ...turned] });
  if (!isLast) y = call.between("Transpose", [y], { perm: perm.map((_, axis) => perm.indexOf(axis)) });
  if (whole) return call.emit("Identity", [y]);
  if (!beta) return multiplyConstant(call, y, gamma, call.emit);
  addConstant(call, multiplyConstant(call, y, gamma, call.between), beta, call.emit);
}

/** Does a constant, its axes aligned at the end, hold numbers along these axes only, and all of them? */
function isAlong(constant: Constant, shape: readonly number[], axes: readonly number[]): boolean {
  const own = [...new Array(Math.max(0, shape.length - constant.shape.length)).fill(1), ...constant.shape];
  return own.length === shape.length && own.every((d, axis) => d === (axes.includes(axis) ? shape[axis] : 1));
}

/** Opset 21: scale and bias per channel. Before, they stood per group. */
export function groupNorm(call: Call): void {
  const { attrs } = call;
  attrs.ignore("stash_type");
  const x = call.activation(0);
  const groups = attrs.integer("num_groups", 0);
  const perGroup = (call.shape(x)[1] as number) / groups;
  const spread = (constant: Constant): Constant => {
    if (call.opset >= 21) return constant;
    if (constant.data.length !== groups || !Number.isInteger(perGroup)) {
      throw call.fail(
        `attribute num_groups ${groups} doesn't fit the input [${call.shape(x)}], or its scale [${constant.shape}]`,
      );
    }
    const data = Float32Array.from(
      { length: groups * perGroup },
      (_, c) => Number(constant.data[Math.floor(c / perGroup)]),
    );
    return { ...constant, shape: [data.length], data };
  };
  const params = [
    call.parameter(spread(required(call, 1, "scale")), "gamma", "weight"),
    call.parameter(spread(required(call, 2, "bias")), "beta", "bias"),
  ];
  call.emit("GroupNormalization", [x, ...params], { num_groups: groups, epsilon: attrs.float("epsilon", 1e-5) });
}

/** A group for each channel. */
export function instanceNorm(call: Call): void {
  const x = call.activation(0);
  const params = [
    call.parameter(required(call, 1, "scale"), "gamma", "weight"),
    call.parameter(required(call, 2, "bias"), "beta", "bias"),
  ];
  const attrs = { num_groups: call.shape(x)[1] as number, epsilon: call.attrs.float("epsilon", 1e-5) };
  call.emit("GroupNormalization", [x, ...params], attrs);
}

function filled(size: number, value: number): Constant {
  return { name: "", type: "float", shape: [size], data: new Float32Array(size).fill(value) };
}
