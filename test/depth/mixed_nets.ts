/** A small network with a block, its form, and both mixed, node by node as a form's own rewrite makes them. */
import { builder } from "../../src/graph/build.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Graph, Params } from "../../src/graph/types.ts";

type Which = "block" | "form" | "mixed";

/** Three networks over one map of parameters. */
export interface MixedNets {
  readonly graphs: Readonly<Record<Which, Graph>>;
  readonly params: Params;
}

/**
 * A stem, and a residual block of two convolutions with batch norms. In its form the activation inside is an identity, and a batch
 * norm follows the activation after the sum.
 */
export function mixedNets(activation: "relu" | "sigmoid" = "relu", side = 4, classes = 3): MixedNets {
  const graphs = {
    block: build("block", activation, side, classes),
    form: build("form", activation, side, classes),
    mixed: build("mixed", activation, side, classes),
  };
  return { graphs, params: initialise(graphs.mixed, 1) };
}

function build(which: Which, activation: "relu" | "sigmoid", side: number, classes: number): Graph {
  const b = builder(`${activation} ${which}`, ["N", 1, side, side]);
  const layer = (x: string, name: string) =>
    b.batchNorm(b.conv(x, { name, out: 4, kernel: 3, pad: 1, bias: false }), { name: `${name}.bn` });
  const mixed = (own: string, form: () => string): string => {
    if (which === "block") return own;
    return which === "form" ? form() : b.node("Mix", [own, form()]);
  };
  const stem = b[activation](layer(b.input, "stem"));
  const inner = layer(stem, "a");
  const sum = b.add(layer(mixed(b[activation](inner), () => b.identity(inner)), "b"), stem);
  const end = b[activation](sum);
  const tail = mixed(end, () => b.batchNorm(end, { name: "tail" }));
  b.gemm(b.flatten(tail), { name: "fc", out: classes });
  return b.graph();
}
