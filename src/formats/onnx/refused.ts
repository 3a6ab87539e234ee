/** Operators that no network of ours can hold, and what to export instead. */

const QUANTISED =
  "quantised networks aren't read: export the float network from before quantisation, and quantise what " +
  "is made of it afterwards";
const BRANCHES = "control flow isn't read: export the network with its branches and loops settled, as tracing does " +
  "(torch.onnx.export of a plain module with example inputs)";
const RECURRENT = "recurrent layers aren't read: export the part of the network before or behind them, or a network " +
  "with convolutions or attention in their place";
const RANDOM =
  "it draws random numbers: export the network for evaluation (model.eval()), without its random augmentation";
const AFTERWARDS = "it chooses among results, which isn't a part of a network: export the network up to its raw " +
  "outputs, or choose one before it (--output)";
const RUNTIME = "it was made by a runtime's optimisation: export the network as it was before";

/** Operator -> why it is refused. */
export const REFUSED: Readonly<Record<string, string>> = Object.fromEntries([
  [QUANTISED, [
    "QuantizeLinear",
    "DequantizeLinear",
    "DynamicQuantizeLinear",
    "QLinearConv",
    "QLinearMatMul",
    "ConvInteger",
    "MatMulInteger",
  ]],
  [BRANCHES, ["If", "Loop", "Scan"]],
  [RECURRENT, ["LSTM", "GRU", "RNN"]],
  [RANDOM, [
    "Bernoulli",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
  ]],
  [AFTERWARDS, ["NonMaxSuppression", "TopK", "ArgMax", "ArgMin", "NonZero", "Unique"]],
].flatMap(([why, operators]) => (operators as readonly string[]).map((op) => [op, why as string])));

/** Operators of other domains that are known -> why they are refused. */
export function whyForeign(domain: string): string {
  if (domain.startsWith("com.microsoft")) return RUNTIME;
  return "it is a function of the exporter's: inline functions on export, as current versions of exporters do";
}
