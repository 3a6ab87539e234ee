import { gunzipStream, unpack } from "./unpack.ts";

/** More than the files of any data set that is read whole: MNIST's largest has 47 MB. */
const MOST_BYTES = 2 ** 28;

/** The contents of `bytes`, unpacked where they begin as gzip does. `file` names them in the error. Throws UserError. */
export async function gunzip(bytes: Uint8Array<ArrayBuffer>, file: string): Promise<Uint8Array<ArrayBuffer>> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const packed = { file, size: bytes.length, most: MOST_BYTES, format: "gzip", decompress: gunzipStream };
  const chunks = await Array.fromAsync(unpack(new Blob([bytes]).stream(), packed));
  return new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}
