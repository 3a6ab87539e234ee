/** The import of ONNX's own Attention (opset 23): queries, keys and values of heads [N,H,T,D], or of tokens [N,T,H·D]. */
import type { Call } from "./call.ts";

export function importAttention(call: Call): void {
  const { attrs, fail } = call;
  attrs.only("is_causal", 0);
  attrs.ignore("softmax_precision", "qk_matmul_output_mode");
  if (attrs.float("softcap", 0) !== 0) throw fail("attribute softcap isn't supported, expected 0");
  const [queryHeads, keyHeads] = ["q_num_heads", "kv_num_heads"].map((name) => attrs.integer(name, 0));
  if (queryHeads !== keyHeads) throw fail(`${queryHeads} heads of queries and ${keyHeads} of keys, expected as many`);
  const names = ["mask", "past keys", "past values", "key lengths"];
  const extra = names.findIndex((_, i) => (call.node.inputs[3 + i] ?? "") !== "");
  if (extra >= 0) throw fail(`${names[extra]} (input ${3 + extra}) aren't supported`);
  const given = [0, 1, 2].map((i) => call.activation(i));
  const ofTokens = call.shape(given[0]).length === 3;
  const heads = ofTokens ? given.map((value) => split(call, value, queryHeads)) : given;
  const depth = call.shape(heads[0])[3] as number;
  const scale = attrs.float("scale", 1 / Math.sqrt(depth));
  if (!ofTokens) return call.emit("Attention", heads, { scale });
  const joined = call.between("Transpose", [call.between("Attention", heads, { scale })], { perm: [0, 2, 1, 3] });
  const [, tokens, size] = call.shape(given[0]) as number[];
  call.emit("Reshape", [joined], { shape: [0, tokens, size] });
}

/** [N,T,H·D] as [N,H,T,D]. */
function split(call: Call, value: string, heads: number): string {
  const [, tokens, size] = call.shape(value) as number[];
  if (!(heads >= 1) || size % heads !== 0) throw call.fail(`${size} features can't be split into ${heads} heads`);
  const apart = call.between("Reshape", [value], { shape: [0, tokens, heads, size / heads] });
  return call.between("Transpose", [apart], { perm: [0, 2, 1, 3] });
}
