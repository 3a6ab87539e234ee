/** PyTorch's names for the parameters of a file that lost them. */

/** Names that an exporter counted up: `onnx::Conv_255`, `/layer1/Constant_3_output_0`, `_v_12`, `val_3`, `417`. */
export function isAnonymous(name: string): boolean {
  return name === "" || /^(onnx::|\/|_v_\d|val_\d|\d+$)/.test(name);
}

/**
 * The module that a node was traced in: `/layer1/layer1.0/conv1/Conv` is `layer1.0.conv1`, since a sequence's members
 * repeat its name; a node without a path is a scope of its own.
 */
export function scopeOf(nodeName: string): string {
  const path = nodeName.split("/").filter((part) => part !== "");
  if (path.length < 2) return path[0] ?? "node";
  return path.slice(0, -1).reduce((scope, part, i) => {
    const before = path[i - 1];
    return part.startsWith(`${before}.`) ? scope + part.slice(before.length) : `${scope}.${part}`;
  });
}
