import type { Params } from "../../graph/types.ts";
import { setMask } from "../state.ts";
import type { Callback } from "../types.ts";

/** Weights that are 0 in `masks`, and their momenta, stay exactly 0. A parameter without an entry isn't masked. */
export function mask(masks: Params): Callback {
  return {
    name: "mask",
    open({ state }) {
      if (masks.size > 0) setMask(state, masks);
    },
  };
}
