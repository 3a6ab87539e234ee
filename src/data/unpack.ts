/** Streams that are packed by gzip or xz, unpacked within bounds. */
import { UserError } from "../errors.ts";

export interface Packed {
  /** Names it in errors. */
  readonly file: string;
  /** Its bytes. */
  readonly size: number;
  /** What it unpacks to at most: more is refused as soon as it comes. */
  readonly most: number;
  /** gzip or xz, for errors. */
  readonly format: string;
  readonly decompress: (packed: ReadableStream<Uint8Array<ArrayBuffer>>) => AsyncIterable<Uint8Array>;
}

/** Packed bytes that are handed over at once. Deflate makes 1032 of one, so that is what may come back at once. */
const PIECE_BYTES = 2 ** 13;

export function gunzipStream(packed: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array> {
  return packed.pipeThrough(new DecompressionStream("gzip"));
}

/**
 * What the stream holds, piece by piece.
 * @throws UserError with the file's name and the place where it is damaged, is cut off, or unpacks to too much
 */
export async function* unpack(
  raw: ReadableStream<Uint8Array<ArrayBuffer>>,
  { file, size, most, format, decompress }: Packed,
): AsyncGenerator<Uint8Array> {
  const { pieces, taken } = inPieces(raw);
  let unpacked = 0;
  try {
    for await (const chunk of decompress(pieces)) {
      unpacked += chunk.length;
      if (unpacked > most) {
        throw new UserError(
          `${file}: its first ${taken()} of ${size} bytes unpack to more than ${most}: unpack it into a folder, if it shall`,
        );
      }
      yield chunk;
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    throw new UserError(
      `${file}: found no whole ${format} data near byte ${taken()} of ${size} (${reason}): it is damaged or cut off, ` +
        `expected a whole file: fetch it again`,
    );
  }
}

function inPieces(raw: ReadableStream<Uint8Array<ArrayBuffer>>) {
  const reader = raw.getReader();
  let chunk = new Uint8Array();
  let taken = 0;
  const pieces = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      if (chunk.length === 0) {
        const { done, value } = await reader.read();
        if (done) return controller.close();
        chunk = value;
      }
      const piece = chunk.subarray(0, PIECE_BYTES);
      chunk = chunk.subarray(piece.length);
      taken += piece.length;
      controller.enqueue(piece);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
  return { pieces, taken: () => taken };
}
