/** Which of a checkpoint's dicts is the state dict. */
import { UserError } from "../../errors.ts";
import { describe, type Dict, isKind, type StridedTensor, type Value } from "./values.ts";

/** Where training scripts keep it, the usual first: `{"state_dict": …, "epoch": …, "best_prec1": …}`. */
const USUAL_KEYS = ["state_dict", "model_state_dict", "model", "net"] as const;

/** Wrappers within wrappers. */
const MAX_DEPTH = 4;

/**
 * The dict of nothing but tensors: the root itself, else what stands under a usual key, else the only one under the root.
 * @throws UserError where there is none, or several of equal right
 */
export function findStateDict(root: Value): Map<string, StridedTensor> {
  let dict = root;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    if (!(dict instanceof Map)) throw new UserError(`it holds ${describe(dict)}, a state dict expected`);
    const found = asStateDict(dict);
    if (found) return found;
    dict = inner(dict);
  }
  throw new UserError("it holds dicts within dicts, and no state dict");
}

function inner(dict: Dict): Value {
  const dicts = [...dict].filter(([, value]) => value instanceof Map);
  const usual = dicts.filter(([key]) => USUAL_KEYS.some((name) => name === key));
  const stateDicts = dicts.filter(([, value]) => asStateDict(value as Dict));
  const candidates = usual.length > 0 ? usual : stateDicts;
  if (candidates.length === 1) return candidates[0][1];
  const content = [...dict].slice(0, 6).map(([key, value]) => `${describe(key)}: ${describe(value)}`).join(", ");
  throw new UserError(
    candidates.length === 0
      ? `it holds no state dict but {${content}${dict.size > 6 ? ", …" : ""}}; save model.state_dict() alone`
      : `it holds several state dicts, ${
        candidates.map(([key]) => describe(key)).join(" and ")
      }; save one of them alone`,
  );
}

/** The dict, if it holds tensors by name and nothing else. */
function asStateDict(dict: Dict): Map<string, StridedTensor> | undefined {
  if (dict.size === 0) return undefined;
  for (const [key, value] of dict) if (typeof key !== "string" || !isKind(value, "tensor")) return undefined;
  return dict as Map<string, StridedTensor>;
}
