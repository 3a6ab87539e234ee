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
  attrs.only("cubic_coeff_a", -0.75);
  attrs.only("exclude_outside", 0);
  attrs.only("extrapolation_value", 0);
  attrs.only("antialias", 0);
  const policy = attrs.text("keep_aspect_ratio_policy", "stretch");
  if (policy !== "stretch") throw call.fail(`keep_aspect_ratio_policy "${policy}" isn't supported, expected "stretch"`);
  const x = call.activation(0);
  if (mode === "linear") return call.emit("Resize", [x], linear(call, x, coordinates));
  const known = coordinates === "asymmetric"
    ? rounding === "floor"
    : coordinates === "half_pixel" && rounding === "round_prefer_floor";
  if (mode !== "nearest" || !known) {
    throw call.fail(
      `mode "${mode}" with "${coordinates}" and "${rounding}" isn't supported, expected nearest neighbours or linear`,
    );
  }
  const { scales, sizes } = wanted(call, x);
  const [height, width] = call.shape(x).slice(2) as number[];
  const factors = scales ?? [sizes![0] / height, sizes![1] / width];
  if (!factors.every((factor) => Number.isInteger(factor) && factor >= 1)) {
    throw call.fail(`scales [1,1,${factors}] aren't supported, expected [1, 1, fh, fw] of whole factors`);
  }
  call.emit("Resize", [x], { scales: factors });
}

/** PyTorch's own half pixels differ from ONNX's only where one line is left. */
function linear(call: Call, x: string, coordinates: string): Attrs {
  const { scales, sizes } = wanted(call, x);
  const [height, width] = call.shape(x).slice(2) as number[];
  const made = sizes ?? [height, width].map((size, axis) => Math.floor(Math.fround(size * scales![axis])));
  const halves = coordinates === "half_pixel" ||
    (coordinates === "pytorch_half_pixel" && made.every((size) => size > 1));
  if (!halves && coordinates !== "align_corners") {
    throw call.fail(
      `mode "linear" with "${coordinates}" to [${made}] isn't supported, expected "half_pixel" or "align_corners"`,
    );
  }
  const size: Attrs = sizes ? { sizes } : { scales: scales! };
  return { mode: "linear", coordinate_transformation_mode: halves ? "half_pixel" : coordinates, ...size };
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
