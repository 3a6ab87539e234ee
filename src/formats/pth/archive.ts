/** The zip files of torch ≥ 1.6: `NAME/data.pkl`, `NAME/data/KEY` for each storage, stored without compression. */
import { type UnzipFileInfo, unzipSync } from "fflate";
import { show, UserError } from "../../errors.ts";
import { byteReader } from "./bytes.ts";
import { TORCH } from "./globals.ts";
import { unpickle } from "./pickle.ts";
import type { SavedObject } from "./tensors.ts";

/** Of an entry: its header before the data and its line in the directory, without a name. */
const LEAST_ENTRY_BYTES = 30 + 46;

/** @throws UserError where the zip file isn't whole or isn't torch.save's */
export function readArchive(bytes: Uint8Array): SavedObject {
  const entries = unzipStored(bytes);
  const pickles = [...entries.keys()].filter((name) => /(^|\/)data\.pkl$/.test(name));
  if (pickles.length !== 1) {
    throw new UserError(`a zip file with ${pickles.length} entries named data.pkl, one expected; was it torch.save's?`);
  }
  const folder = pickles[0].slice(0, -"data.pkl".length);
  const reader = byteReader(entries.get(pickles[0])!);
  const root = unpickle(reader, TORCH);
  if (reader.left > 0) throw new UserError(`${reader.left} bytes follow its pickle`);
  const order = entries.get(`${folder}byteorder`);
  const byteOrder = order ? new TextDecoder().decode(order) : "little"; // Before torch 2.1 nothing says it.
  if (byteOrder !== "little" && byteOrder !== "big") throw new UserError(`its byte order is ${show(byteOrder)}`);
  return { root, byteOrder, block: (key) => entries.get(`${folder}data/${key}`) };
}

/**
 * The entries by name. Before anything is copied, the directory must promise no more entries and bytes than the file
 * can hold, and no compression, which torch.save never uses.
 */
function unzipStored(bytes: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const promised = new Map<string, number>();
  let total = 0;
  const filter = ({ name, size, originalSize, compression }: UnzipFileInfo) => {
    total += size + LEAST_ENTRY_BYTES;
    if (total > bytes.length) {
      throw new UserError(`its zip directory promises more than the file's ${bytes.length} bytes`);
    }
    if (promised.has(name)) throw new UserError(`its zip directory has ${show(name)} twice`);
    if (/\/(code\/|constants\.pkl$)/.test(name)) {
      throw new UserError("a TorchScript archive, which holds code; save model.state_dict() with torch.save");
    }
    if (compression !== 0 || size !== originalSize) {
      throw new UserError(
        `its zip entry ${show(name)} is compressed, which torch.save never does; was it zipped anew?`,
      );
    }
    promised.set(name, size);
    return true;
  };
  let files: Readonly<Record<string, Uint8Array>>;
  try {
    files = unzipSync(bytes, { filter });
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`not a whole zip file (${(error as Error).message}); copy or download it again`);
  }
  for (const [name, size] of promised) {
    // What begins beyond the end comes back shorter.
    if (files[name]?.length !== size) throw new UserError(`its zip entry ${show(name)} isn't all there`);
  }
  return new Map([...promised.keys()].map((name) => [name, files[name]]));
}
