/** The allow-list: what a state dict by torch.save names and calls. Everything else is refused by its name. */
import { UserError } from "../../errors.ts";
import type { Dtype } from "../safetensors.ts";
import { type Meaning, setItem } from "./pickle.ts";
import { describe, type Dict, isKind, type Storage, type Tuple, type Value } from "./values.ts";

/** Storage classes. PyTorch names the CPU's also for tensors of other devices. */
const STORAGES: Readonly<Record<string, Dtype>> = {
  "torch.DoubleStorage": "F64",
  "torch.FloatStorage": "F32",
  "torch.HalfStorage": "F16",
  "torch.BFloat16Storage": "BF16",
  "torch.LongStorage": "I64",
  "torch.IntStorage": "I32",
  "torch.ShortStorage": "I16",
  "torch.CharStorage": "I8",
  "torch.ByteStorage": "U8",
  "torch.BoolStorage": "BOOL",
};

/** Each gives a value for its arguments, and nothing else happens. */
const CALLS: Readonly<Record<string, (args: readonly Value[]) => Value>> = {
  "collections.OrderedDict": orderedDict,
  "torch._utils._rebuild_tensor": rebuildTensor,
  "torch._utils._rebuild_tensor_v2": rebuildTensor,
  "torch._utils._rebuild_parameter": rebuildParameter,
};

/** PyTorch's dimensions end at 64. */
const MAX_RANK = 64;

/** What torch.save's pickles mean; storages are only named here, their numbers lie elsewhere in the file. */
export const TORCH: Meaning = {
  global(name) {
    if (!Object.hasOwn(CALLS, name) && !Object.hasOwn(STORAGES, name)) {
      throw new UserError(
        `it holds ${name}, which isn't allowed: only tensors, dicts, lists, numbers and texts are read, ` +
          `and no code is run; save model.state_dict() alone`,
      );
    }
    return { kind: "global", name };
  },
  call(callee, args) {
    if (!isKind(callee, "global") || !Object.hasOwn(CALLS, callee.name)) {
      throw new UserError(`its pickle calls ${describe(callee)}`);
    }
    return CALLS[callee.name](args);
  },
  persistent: storageOf,
};

/** ("storage", class, key, location, elements) and, before torch 1.6, None or (view key, offset, elements of the view). */
function storageOf(id: Value): Storage {
  const fail = () => new UserError(`its pickle names a storage by ${describe(id)}`);
  if (!isKind(id, "tuple")) throw fail();
  const [kind, type, key, , elements, view = null] = id.items;
  if (kind === "module") throw new UserError("it holds a whole module; save model.state_dict() alone");
  if (kind !== "storage" || id.items.length < 5 || id.items.length > 6 || typeof key !== "string") throw fail();
  if (!isKind(type, "global") || !Object.hasOwn(STORAGES, type.name) || !isCount(elements)) throw fail();
  const whole: Storage = {
    kind: "storage",
    key,
    dtype: STORAGES[type.name],
    offset: 0,
    elements,
    blockElements: elements,
  };
  if (view === null) return whole;
  if (!isKind(view, "tuple") || view.items.length !== 3) throw fail();
  const [, offset, viewElements] = view.items;
  if (!isCount(offset) || !isCount(viewElements) || offset + viewElements > elements) throw fail();
  return { ...whole, offset, elements: viewElements };
}

/** OrderedDict(), or with a list of [key, value], as Python 2 pickles it. */
function orderedDict(args: readonly Value[]): Dict {
  const dict: Dict = new Map();
  if (args.length === 0) return dict;
  const fail = () => new UserError("its pickle makes an OrderedDict of something else than pairs");
  const [pairs] = args;
  if (args.length > 1 || !isKind(pairs, "list")) throw fail();
  for (const pair of pairs.items) {
    if ((!isKind(pair, "list") && !isKind(pair, "tuple")) || pair.items.length !== 2) throw fail();
    setItem(dict, pair.items[0], pair.items[1]);
  }
  return dict;
}

/** (storage, offset, shape, strides) and, in its second version, requires_grad and hooks, which don't matter here. */
function rebuildTensor(args: readonly Value[]): Value {
  const [storage, offset, shape, strides] = args;
  const fail = (text: string) => new UserError(`a tensor in its pickle ${text}`);
  if (args.length < 4 || args.length > 7) throw fail(`is made of ${args.length} arguments`);
  if (!isKind(storage, "storage")) throw fail(`lies in ${describe(storage)}`);
  if (!isCounts(shape) || !isCounts(strides) || shape.items.length !== strides.items.length) {
    throw fail(`has the shape ${describe(shape)} and the strides ${describe(strides)}`);
  }
  if (shape.items.length > MAX_RANK) throw fail(`has ${shape.items.length} dimensions`);
  if (!isCount(offset)) throw fail(`begins at ${describe(offset)}`);
  return { kind: "tensor", storage, offset, shape: shape.items, strides: strides.items };
}

/** (tensor, requires_grad, hooks). */
function rebuildParameter(args: readonly Value[]): Value {
  const [tensor] = args;
  if (args.length !== 3 || !isKind(tensor, "tensor")) throw new UserError("its pickle makes a parameter of no tensor");
  return tensor;
}

function isCount(value: Value): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isCounts(value: Value): value is Tuple & { readonly items: readonly number[] } {
  return isKind(value, "tuple") && value.items.every(isCount);
}
