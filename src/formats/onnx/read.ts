import { PbfReader } from "pbf";
import { UserError } from "../../errors.ts";
import { readModelMessage } from "./schema.ts";
import type { OnnxModel } from "./types.ts";

/**
 * The messages of an ONNX file. Tensors are views of `bytes`.
 *
 * @param file names the file in errors
 * @throws UserError where the bytes aren't a whole ONNX file
 */
export function readOnnx(bytes: Uint8Array, file: string): OnnxModel {
  const fail = (text: string) => new UserError(`${file}: not a whole ONNX file: ${text}`);
  if (bytes.length === 0) throw fail("0 bytes found");
  let model: OnnxModel;
  try {
    model = readModelMessage(new PbfReader(bytes));
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${file}: ${error.message}`) : fail((error as Error).message);
  }
  if (model.irVersion < 3) throw fail(`its ir_version is ${model.irVersion}, 3 or more expected`);
  if (model.graph.outputs.length === 0) throw fail("it holds no graph with an output");
  return model;
}
