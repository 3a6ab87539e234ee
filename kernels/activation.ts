/** Which text does the activations of an epilogue: GELU's is long, and left out of shaders that don't need it. */
import type { Epilogue } from "./launch.ts";
import gelu from "./pointwise/gelu.wgsl" with { type: "text" };
import none from "./pointwise/no_gelu.wgsl" with { type: "text" };

/** Says whether an epilogue ends with GELU, which only implicit GEMM, products by registers, tiles and slices, and sums of parts do. */
export function endsWithGelu({ activation }: Epilogue): boolean {
  return activation === "gelu" || activation === "geluTanh";
}

const sources = new Map<string, string>();

/** Puts before a shader, whose items V are fours, what its epilogue calls; the same text each time is the same program. */
export function withGelu(source: string, epilogue: Epilogue): string {
  const fragment = endsWithGelu(epilogue) ? gelu : none, key = `${endsWithGelu(epilogue)} ${source}`;
  let text = sources.get(key);
  if (text === undefined) sources.set(key, text = `alias V = vec4<f32>;\n${fragment}\n${source}`);
  return text;
}
