/** Tar archives from a grammar of members, plain or packed. */
import { gzipSync } from "node:zlib";
import { tar, type TarMember } from "../../src/cli/npm/tar_file.ts";
import { tarXz } from "../data/image-files.ts";
import { type Draws, HUGE, NAMES } from "./draws.ts";

const encode = (text: string) => new TextEncoder().encode(text);

const packedByXz = Uint8Array.from(atob(tarXz), (character) => character.charCodeAt(0));

/** Up to 12 members; one in 12 is no file, or lies of its size. Or one archive that xz has packed, with up to two bytes wrong. */
export function randomTar(dice: Draws): Uint8Array {
  if (dice.once(8)) {
    const bytes = packedByXz.slice(0, dice.once(4) ? dice.below(packedByXz.length) : undefined);
    for (let i = dice.below(3); i > 0 && bytes.length > 0; i--) bytes[dice.below(bytes.length)] = dice.below(256);
    return bytes;
  }
  const members = Array.from({ length: dice.below(12) }, () => member(dice)).flat();
  const archive = tar(members);
  return dice.once(2) ? archive : gzipSync(archive);
}

function member(dice: Draws): TarMember[] {
  const part = dice.pick(["", "", "train/", "test/", "set/train/"]);
  const usual = `${part}${dice.pick("abc".split(""))}/${dice.below(40)}.${
    dice.pick(["png", "png", "jpg", "txt", "gif"])
  }`;
  const name = (dice.once(15) ? dice.pick(NAMES) : usual).slice(0, 45);
  const bytes = new Uint8Array(dice.pick([0, 1, 511, 512, 513, 3000])).fill(dice.below(256));
  const usually: TarMember = { name, bytes };
  switch (dice.below(12)) {
    case 0:
      return [{ name, bytes, type: dice.pick("1234567LKxgSVMD".split("")) }];
    case 1:
      return [{ name, bytes, size: Math.max(0, Math.floor(dice.pick(HUGE))) % 8 ** 11 }];
    case 2:
      return [{ name: "pax", type: dice.pick(["x", "g"]), bytes: encode(paxText(dice)) }, usually];
    case 3:
      return [
        { name: "././@LongLink", type: "L", bytes: encode(`${dice.pick(NAMES)}/${"n".repeat(200)}.png\0`) },
        usually,
      ];
    case 4:
      return [{ name: `${name}/`, type: "5" }];
    default:
      return [usually];
  }
}

function paxText(dice: Draws): string {
  const value = dice.pick([...NAMES, ...HUGE.map(String), "a/long.png"]);
  const record = ` ${dice.pick(["path", "size", "linkpath", "mtime"])}=${value}\n`;
  return `${dice.once(4) ? dice.pick(HUGE) : encode(record).length + 2}${record}`;
}
