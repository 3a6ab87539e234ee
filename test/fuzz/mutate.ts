/** Damage that knows the formats: what a case of a seed and a number is made of. */
import { stringify } from "yaml";
import { random } from "../../kernels/random/philox.ts";
import { archive, concat, legacy, pickle, type Saved } from "../formats/pth-files.ts";
import { type Draws, draws, HUGE } from "./draws.ts";
import { randomGraph } from "./graphs.ts";
import { mutateJpeg, mutatePng } from "./images.ts";
import { mutateValue } from "./json.ts";
import { mutateProtobuf } from "./protobuf.ts";
import {
  checkpoints,
  jpegFiles,
  type Kind,
  kindOf,
  onnxFiles,
  plans,
  pngFiles,
  recipes,
  record,
  safetensorsFiles,
  YAML_SNIPPETS,
} from "./seeds.ts";
import { randomTar } from "./tars.ts";

export interface Case {
  readonly kind: Kind;
  readonly bytes: Uint8Array;
}

/** Case `number` of `seed`; the same two give the same bytes. */
export function makeCase(seed: number, number: number): Case {
  const dice = draws(random(seed, "fuzz"), number);
  const kind = kindOf(number);
  const structured = MUTATIONS[kind](dice);
  // Most files are well-formed outside, so that the damage gets further in.
  return { kind, bytes: dice.below(3) > 0 ? structured : mutateBytes(structured, dice) };
}

const MUTATIONS: Readonly<Record<Kind, (dice: Draws) => Uint8Array>> = {
  onnx: (dice) => mutateProtobuf(dice.pick(onnxFiles), dice),
  graph: randomGraph,
  tar: randomTar,
  image: (dice) => dice.below(2) === 0 ? mutatePng(dice.pick(pngFiles), dice) : mutateJpeg(dice.pick(jpegFiles), dice),
  recipe: mutateRecipe,
  record: (dice) => encoded(JSON.stringify(mutateValue(record, dice))),
  plans: (dice) => encoded(JSON.stringify(mutateValue(plans, dice))),
  safetensors: (dice) => mutateHeader(dice.pick(safetensorsFiles), dice),
  archive(dice) {
    const saved = dice.pick(checkpoints);
    return archive(saved, dice.below(4) === 0 ? {} : { "archive/data.pkl": mutatePickle(pickle(saved), dice) });
  },
  legacy(dice) {
    const saved = dice.pick(checkpoints);
    const whole = legacy(saved);
    return dice.below(4) === 0 ? whole : legacyAround(whole, mutatePickle(pickle(saved, true), dice), saved);
  },
};

const encoded = (text: string) => new TextEncoder().encode(text);

/** A recipe with other values, and now and then with YAML in place of one. */
function mutateRecipe(dice: Draws): Uint8Array {
  const text = stringify(mutateValue(dice.pick(recipes), dice), { aliasDuplicateObjects: false });
  if (dice.below(3) > 0) return encoded(text);
  const lines = text.split("\n");
  const at = dice.below(lines.length);
  lines[at] = lines[at].replace(/(:|-) .*$/, (_, mark) => `${mark} ${dice.pick(YAML_SNIPPETS)}`);
  return encoded(lines.join("\n"));
}

/** The same file with another pickle of the object. */
function legacyAround(whole: Uint8Array, changed: Uint8Array, saved: Saved): Uint8Array {
  const { length } = pickle(saved, true);
  // The object's pickle is the fourth: behind the magic number, the version and the machine.
  let start = 0;
  for (let i = 0; i < 3; i++) start = whole.indexOf(0x80, whole.indexOf(0x2e, start) + 1);
  return concat([whole.subarray(0, start), changed, whole.subarray(start + length)]);
}

/** 1 to 3 changes of bytes anywhere: bits, cuts, lengths, sections taken out, doubled, moved, made up. */
function mutateBytes(bytes: Uint8Array, dice: Draws): Uint8Array {
  let out = bytes.slice();
  for (let changes = 1 + dice.below(3); changes > 0 && out.length > 0; changes--) {
    const at = dice.below(dice.below(2) === 0 ? Math.min(out.length, 256) : out.length);
    const end = at + dice.below(Math.min(out.length - at, 400) + 1);
    const section = out.slice(at, end);
    switch (dice.below(8)) {
      case 0:
        out[at] ^= 1 << dice.below(8);
        break;
      case 1:
        out[at] = dice.below(256);
        break;
      case 2:
        out = out.slice(0, at);
        break;
      case 3:
        if (out.length < 4) break;
        new DataView(out.buffer).setUint32(Math.max(0, Math.min(at, out.length - 4)), dice.pick(HUGE) >>> 0, true);
        break;
      case 4:
        out = concat([out.subarray(0, at), out.subarray(end)]);
        break;
      case 5:
        out = concat([out.subarray(0, end), section, out.subarray(end)]);
        break;
      case 6:
        out = concat([out.subarray(0, at), section.toReversed(), out.subarray(end)]);
        break;
      default:
        out = concat([
          out.subarray(0, at),
          Uint8Array.from({ length: dice.below(40) }, () => dice.below(256)),
          out.subarray(at),
        ]);
    }
    if (out.length < 4) break;
  }
  return out;
}

/** A safetensors header with an entry changed, and the length that fits it. */
function mutateHeader(bytes: Uint8Array, dice: Draws): Uint8Array {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const name = dice.pick(Object.keys(header));
  const entry = header[name];
  const list = dice.pick([entry.shape, entry.data_offsets]);
  switch (dice.below(9)) {
    case 0:
      if (list?.length) list[dice.below(list.length)] = dice.pick(HUGE);
      break;
    case 1:
      entry.dtype = dice.pick(["F64", "F32", "F16", "I8", "BOOL", "F8_E4M3", "constructor", "", 7]);
      break;
    case 2:
      delete entry[dice.pick(["dtype", "shape", "data_offsets"])];
      break;
    case 3:
      header[dice.pick(["__proto__", "", "copy", "__metadata__"])] = entry;
      break;
    case 4:
      delete header[name];
      break;
    case 5:
      entry.shape = Array(dice.pick([100, 100_000])).fill(dice.pick(HUGE));
      break;
    case 6:
      header[name] = dice.pick([null, [], "text", 1e308, {}]);
      break;
    case 7:
      list?.reverse();
      break;
  }
  let text = JSON.stringify(header);
  if (dice.below(12) === 0) text = text.replace("{", `{"deep":${"[".repeat(20_000)}${"]".repeat(20_000)},`);
  const encoded = new TextEncoder().encode(text);
  const prefix = new Uint8Array(8);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(encoded.length), true);
  return concat([prefix, encoded, bytes.subarray(8 + length)]);
}

const text = (value: string) => [...new TextEncoder().encode(value)];

/** Every opcode of pickle, supported or not. */
const OPCODES = [
  ...text("().012abcdeghijlopqrstuBCFGIJKLMNPQRSTUVX]}"),
  ...Array.from({ length: 0x99 - 0x80 }, (_, i) => 0x80 + i),
];

/** Pieces that are pickle, and would do harm, or ask for much, where anybody carried them out. */
const SNIPPETS: readonly (readonly number[])[] = [
  [...text("cos\nsystem\n"), 0x58, 9, 0, 0, 0, ...text("exit 7 #!"), 0x85, 0x52],
  [...text("cbuiltins\neval\n"), 0x8c, 3, ...text("1+1"), 0x85, 0x52],
  [0x8c, 2, ...text("os"), 0x8c, 6, ...text("system"), 0x93],
  [...text("(ios\nsystem\n")],
  [...text("ctorch._utils\n_rebuild_parameter\n"), 0x4b, 1, 0x88, 0x4e, 0x87, 0x52],
  [...text("ccollections\nOrderedDict\n"), 0x5d, 0x85, 0x52],
  Array(30_000).fill(0x5d),
  Array(30_000).fill(0x28),
  [0x5d, ...Array.from({ length: 400 }, () => [0x32, 0x32, 0x61]).flat()],
  [0x7d, 0x71, 0, 0x4b, 1, 0x68, 0, 0x73],
  [0x8a, 255, ...Array(255).fill(0x7f)],
  [0x58, 0xff, 0xff, 0xff, 0x7f],
  [0x4a, 0xff, 0xff, 0xff, 0x7f],
];

/** Opcodes swapped, pieces put in, pieces doubled or taken out. */
function mutatePickle(bytes: Uint8Array, dice: Draws): Uint8Array {
  let out: Uint8Array = bytes.slice();
  for (let changes = 1 + dice.below(3); changes > 0; changes--) {
    const at = 2 + dice.below(out.length - 2);
    const end = Math.min(out.length, at + dice.below(60));
    switch (dice.below(6)) {
      case 0:
      case 1:
        out[at] = dice.pick(OPCODES);
        break;
      case 2:
        out[at] = dice.below(256);
        break;
      case 3:
        out = concat([out.subarray(0, at), Uint8Array.from(dice.pick(SNIPPETS)), out.subarray(at)]);
        break;
      case 4:
        out = concat([out.subarray(0, end), out.subarray(at, end), out.subarray(end)]);
        break;
      default:
        if (end - at < out.length - 3) out = concat([out.subarray(0, at), out.subarray(end)]);
    }
  }
  return out;
}
