/**
 * Networks and weights as files' bytes: ONNX in and out, safetensors in and out, PyTorch's checkpoints in.
 *
 * @module
 */
export { UserError } from "../errors.ts";
export { type InputConstant, loadOnnx, type OnnxPart } from "../formats/onnx/import.ts";
export { onnxBytes } from "../formats/onnx/export.ts";
export type { External } from "../formats/onnx/tensors.ts";
export {
  type Dtype as StoredDtype,
  readSafetensors,
  type Safetensors,
  type StoredTensor,
  type TensorData,
  writeSafetensors,
} from "../formats/safetensors.ts";
export { readWeights, type StateDict, type Weights } from "../formats/weights.ts";
export { loadWeights } from "../formats/dialects/load.ts";
export { formatMetadata, type ModelMetadata, parseMetadata } from "../formats/metadata.ts";
export { modelBytes, type ModelFile, parseModel, type SavedModel } from "../formats/model_file.ts";
