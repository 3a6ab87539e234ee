import type { HostTensor, Model } from "../../src/graph/types.ts";

/**
 * The same model with float64 parameters, so that a rewrite that folds rounds nothing and can be held to 1e-9. The type of
 * HostTensor says float32; the reference interpreter and the rewrites take both.
 */
export function widened(model: Model): Model {
  const params = new Map(Array.from(model.params, ([name, { shape, data }]) => {
    return [name, { shape, data: Float64Array.from(data) } as unknown as HostTensor];
  }));
  return { graph: model.graph, params };
}
