/** A network of images in one ONNX file, as pages get it from whoever chose the file, or from their server. */
import { UserError } from "../../errors.ts";
import { inferShapes } from "../../graph/infer.ts";
import { channelsFirst, imagesLast } from "../../graph/rewrite/channels_first.ts";
import type { Model } from "../../graph/types.ts";
import { type ModelMetadata, parseMetadata } from "../metadata.ts";
import { isOnnx } from "../weights.ts";
import { loadOnnx } from "./import.ts";
import { readOnnx } from "./read.ts";

/** A network from an ONNX file, with what else its file says. */
export interface FileModel {
  readonly model: Model;
  readonly metadata: ModelMetadata;
  /** How the file has its images: the model takes [N, C, H, W] in any case. */
  readonly layout: "nchw" | "nhwc";
}

/** @throws UserError for a file that is damaged, no ONNX, or whose network takes no images */
export function onnxFile(name: string, bytes: Uint8Array<ArrayBuffer>): FileModel {
  if (!isOnnx(bytes)) throw new UserError(`${name}: is no ONNX file, expected a network with its weights as .onnx`);
  const read = loadOnnx(bytes, name);
  const layout = imagesLast(read.graph) ? "nhwc" : "nchw";
  const { model } = channelsFirst(read);
  requireImages(name, model);
  const texts = readOnnx(bytes, name).properties.map(({ key, value }) => [key, value]);
  return { model, metadata: parseMetadata(Object.fromEntries(texts), name), layout };
}

/** @throws UserError where the network's inputs aren't one of images of a fixed size */
export function requireImages(file: string, { graph }: Model): void {
  const [input] = graph.inputs;
  const shape = input.shape.slice(1);
  if (graph.inputs.length !== 1 || shape.length !== 3 || shape.some((size) => typeof size !== "number")) {
    const found = graph.inputs.map((given) => `[${given.shape.join(", ")}]`).join(", ");
    throw new UserError(`${file}: takes ${found}, expected one input of images, [N, C, H, W] with fixed C, H and W`);
  }
  inferShapes(graph);
}
