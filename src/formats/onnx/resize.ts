/** Resize: nearest neighbours by whole factors, and bilinear to any size. */
import { resizeAttrs } from "../../graph/attrs.ts";
import type { Attrs } from "../../graph/types.ts";
import { integersAttribute, textAttribute } from "./attributes.ts";
import type { Call } from "./call.ts";
import type { Lowering } from "./lower.ts";

export function importResize(call: Call): void {
  const { attrs } = call;
  const mode = attrs.text("mode", "nearest");
  const rounding = attrs.text("nearest_mode", "round_prefer_floor");
  const coordinates = attrs.text("coordinate_transformation_mode", "half_pixel");
  // Of cubic modes and of crops; neighbours that lie outside are those at the edge, with or without their weight.
  attrs.ignore("cubic_coeff_a", "exclude_outside", "extrapolation_value");
  const antialias = attrs.integer("antialias", 0);
  const policy = attrs.text("keep_aspect_ratio_policy", "stretch");
  const x = call.activation(0);
  const { scales, sizes } = wanted(call, x);
  if (policy !== "stretch" && !scales) {
    throw call.fail(`keep_aspect_ratio_policy "${policy}" isn't supported, expected "stretch"`);
  }
  const from = call.shape(x).slice(2) as number[];
  const to = sizes ?? from.map((size, axis) => Math.floor(Math.fround(size * scales![axis])));
  if (mode === "linear") {
    // Averages what is made smaller.
    if (antialias !== 0 && to.some((size, axis) => size < from[axis])) {
      throw call.fail(`attribute antialias ${antialias} isn't supported from [${from}] to [${to}], expected 0`);
    }
    const size: Attrs = sizes ? { sizes } : { scales: scales! };
    return call.emit("Resize", [x], { mode, ...linear(call, coordinates, to), ...size });
  }
  if (mode !== "nearest") throw call.fail(`mode "${mode}" isn't supported, expected "nearest" or "linear"`);
  const factors = scales ?? to.map((size, axis) => size / from[axis]);
  if (!factors.every((factor) => Number.isInteger(factor) && factor >= 1)) {
    throw call.fail(`scales [1,1,${factors}] aren't supported, expected [1, 1, fh, fw] of whole factors`);
  }
  if (!factors.every((factor, axis) => isRepeated(from[axis], factor, coordinates, rounding))) {
    throw call.fail(
      `mode "nearest" with "${coordinates}" and "${rounding}" isn't supported for scales [1,1,${factors}], expected one ` +
        `that repeats each pixel, such as "asymmetric" with "floor"`,
    );
  }
  call.emit("Resize", [x], { scales: factors });
}

/** Where line i of an output lies in the input, by ONNX's names. */
const COORDINATES: Readonly<Record<string, (i: number, scale: number, from: number, to: number) => number>> = {
  half_pixel: (i, scale) => (i + 0.5) / scale - 0.5,
  // Whole factors keep the centre, and so the halves where they are.
  half_pixel_symmetric: (i, scale) => (i + 0.5) / scale - 0.5,
  pytorch_half_pixel: (i, scale, _, to) => to > 1 ? (i + 0.5) / scale - 0.5 : 0,
  align_corners: (i, _, from, to) => to > 1 ? i * (from - 1) / (to - 1) : 0,
  asymmetric: (i, scale) => i / scale,
  tf_half_pixel_for_nn: (i, scale) => (i + 0.5) / scale,
};

/** The line nearest to a place, by ONNX's names. */
const ROUNDINGS: Readonly<Record<string, (place: number) => number>> = {
  round_prefer_floor: (place) => Math.ceil(place - 0.5),
  round_prefer_ceil: (place) => Math.floor(place + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** Lines that no image of a network has. */
const TOO_MANY_LINES = 2 ** 20;

/** Is each of `from` lines repeated `factor` times? */
function isRepeated(from: number, factor: number, coordinates: string, rounding: string): boolean {
  if (!Object.hasOwn(COORDINATES, coordinates) || !Object.hasOwn(ROUNDINGS, rounding)) return false;
  if (from * factor > TOO_MANY_LINES) return false;
  for (let i = 0; i < from * factor; i++) {
    const line = ROUNDINGS[rounding](COORDINATES[coordinates](i, factor, from, from * factor));
    if (Math.min(Math.max(line, 0), from - 1) !== Math.floor(i / factor)) return false;
  }
  return true;
}

/** PyTorch's own half pixels differ from ONNX's only where one line is left. */
function linear(call: Call, coordinates: string, made: readonly number[]): Attrs {
  const halves = coordinates === "half_pixel" ||
    (coordinates === "pytorch_half_pixel" && made.every((size) => size > 1));
  if (!halves && coordinates !== "align_corners") {
    throw call.fail(
      `mode "linear" with "${coordinates}" to [${made}] isn't supported, expected "half_pixel" or "align_corners"`,
    );
  }
  return { coordinate_transformation_mode: halves ? "half_pixel" : coordinates };
}

/** Height and width, as factors or as sizes; other axes stay. */
function wanted(call: Call, x: string): { readonly scales?: readonly number[]; readonly sizes?: readonly number[] } {
  const shape = call.shape(x);
  const given = call.attrs.integers("axes")?.map((axis) => axis < 0 ? axis + 4 : axis) ?? [0, 1, 2, 3];
  const read = (input: number) => {
    const constant = call.constant(input);
    return constant && constant.data.length > 0 ? Array.from(constant.data) : undefined;
  };
  const [scales, sizes] = [read(2), read(3)];
  const values = scales ?? sizes;
  const fail = () =>
    call.fail(
      `scales [${scales ?? ""}] and sizes [${
        sizes ?? ""
      }] aren't supported, expected those of [N,C,H,W] with N and C kept`,
    );
  if (shape.length !== 4 || values?.length !== given.length) throw fail();
  const along = (axis: number) => given.includes(axis) ? values[given.indexOf(axis)] : undefined;
  // Among sizes stands the batch that the file was exported with.
  const keepsBatch = !scales || Number(along(0) ?? 1) === 1;
  const keepsChannels = Number(along(1) ?? (scales ? 1 : shape[1])) === (scales ? 1 : shape[1]);
  if (!keepsBatch || !keepsChannels) throw fail();
  if (scales) return { scales: [2, 3].map((axis) => Number(along(axis) ?? 1)) };
  return { sizes: [2, 3].map((axis) => Number(along(axis) ?? shape[axis])) };
}

export function lowerResize({ node, shape, numbers, integers, emit, requireOpset }: Lowering): void {
  const [x] = node.inputs;
  const [, , height, width] = shape(x) as number[];
  const attrs = resizeAttrs(node, height, width);
  if (attrs.mode === "nearest") {
    const modes = [
      textAttribute("mode", "nearest"),
      textAttribute("coordinate_transformation_mode", "asymmetric"),
      textAttribute("nearest_mode", "floor"),
    ];
    return emit("Resize", [x, "", numbers("scales", [1, 1, ...attrs.scales])], modes);
  }
  const modes = [
    textAttribute("mode", "linear"),
    textAttribute("coordinate_transformation_mode", String(node.attrs.coordinate_transformation_mode ?? "half_pixel")),
  ];
  const { scales } = node.attrs;
  if (scales !== undefined) return emit("Resize", [x, "", numbers("scales", [1, 1, ...scales as number[]])], modes);
  // Sizes of some axes only, since the batch isn't known.
  requireOpset(18);
  emit("Resize", [x, "", "", integers("sizes", [attrs.rows.to, attrs.columns.to])], [
    ...modes,
    integersAttribute("axes", [2, 3]),
  ]);
}
