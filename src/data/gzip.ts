import { UserError } from "../errors.ts";

/** The contents of `bytes`, unpacked where they begin as gzip does. `file` names them in the error. Throws UserError. */
export async function gunzip(bytes: Uint8Array<ArrayBuffer>, file: string): Promise<Uint8Array<ArrayBuffer>> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch (error) {
    throw new UserError(
      `${file}: found ${bytes.length} bytes that are not whole gzip data (${reason(error)}); ` +
        `expected a complete .gz file: fetch it again`,
    );
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
