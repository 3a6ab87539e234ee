/** torchvision's MobileNetV2, whole but narrow and on small images, in the nodes in which torch.onnx.export writes it. */
import type { OnnxModel } from "../../src/formats/onnx/types.ts";
import { foldBatchNorm } from "../../src/graph/fold.ts";
import type { Model } from "../../src/graph/types.ts";
import { tracer } from "./onnx-exports.ts";
import { float32 } from "./onnx-models.ts";

/** Expansion, blocks, and stride of the first; channels are those that the weights have. */
const STAGES = [[1, 1, 1], [6, 2, 2], [6, 3, 2], [6, 4, 2], [6, 3, 1], [6, 3, 2], [6, 1, 1]] as const;

/** @param network the zoo's `mobilenetv2`, whose batch norms are folded as the exporter folds them */
export function torchvisionMobileNetV2(network: Model): OnnxModel {
  const { graph: { inputs: [{ shape: input }] }, params } = foldBatchNorm(network).model;
  const t = tracer();
  const conv = (x: string, name: string, attributes: Parameters<typeof t.op>[2] = {}) => {
    const [out, per, side] = params.get(`${name}.weight`)!.shape;
    const pads = new Array(4).fill((side - 1) >> 1);
    return t.conv(x, name, [out, per, side], { kernel_shape: [side, side], pads, ...attributes });
  };
  const relu6 = (x: string) => t.op("Clip", [x, t.number(0), t.number(6)]);
  const channels = (name: string) => params.get(`${name}.weight`)!.shape[0];
  let x = relu6(conv("input", "features.0.0", { strides: [2, 2] }));
  let [index, width] = [1, channels("features.0.0")];
  for (const [expansion, blocks, first] of STAGES) {
    for (let block = 0; block < blocks; block++, index++) {
      const at = `features.${index}.conv`;
      const strides = block === 0 ? [first, first] : [1, 1];
      const place = expansion === 1 ? 0 : 1;
      const wide = expansion === 1 ? x : relu6(conv(x, `${at}.0.0`));
      const deep = relu6(conv(wide, `${at}.${place}.0`, { strides, group: expansion * width }));
      const made = conv(deep, `${at}.${place + 1}`);
      const out = channels(`${at}.${place + 1}`);
      x = block > 0 || (first === 1 && out === width) ? t.op("Add", [x, made]) : made;
      width = out;
    }
  }
  x = t.op("Flatten", [t.op("GlobalAveragePool", [relu6(conv(x, `features.${index}.0`))])], { axis: 1 });
  const [classes, features] = params.get("classifier.1.weight")!.shape;
  const classifier = [t.weight("classifier.1.weight", classes, features), t.weight("classifier.1.bias", classes)];
  x = t.op("Gemm", [x, ...classifier], { transB: 1 }, "/classifier/classifier.1");
  const { graph, ...rest } = t.done(x, ["batch", ...input.slice(1)], 17);
  const initialisers = graph.initialisers.map(({ name, dims }) => float32(name, dims, [...params.get(name)!.data]));
  return { ...rest, graph: { ...graph, name: "main_graph", initialisers } };
}
