/** PNG files of given pixels: for the sample, and for tests that need many or large ones. */
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/**
 * @param pixels [height, width, channels], row by row
 * @param channels 3 of a picture with colours, 1 of a grey one
 */
export async function pngFile(
  width: number,
  height: number,
  pixels: (row: number, column: number, channel: number) => number,
  channels: 1 | 3 = 3,
): Promise<Uint8Array<ArrayBuffer>> {
  const line = 1 + channels * width;
  const raw = new Uint8Array(height * line);
  for (let i = 0; i < raw.length; i++) {
    const at = i % line - 1;
    if (at >= 0) raw[i] = pixels(Math.floor(i / line), Math.floor(at / channels), at % channels);
  }
  const header = new Uint8Array(13);
  new DataView(header.buffer).setUint32(0, width);
  new DataView(header.buffer).setUint32(4, height);
  // 8 bits a sample, and the type of the colours.
  header.set([8, channels === 1 ? 0 : 2, 0, 0, 0], 8);
  const packed = new Response(new Blob([raw]).stream().pipeThrough(new CompressionStream("deflate")));
  const parts = [
    Uint8Array.from(SIGNATURE),
    chunk("IHDR", header),
    chunk("IDAT", new Uint8Array(await packed.arrayBuffer())),
    chunk("IEND", new Uint8Array()),
  ];
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

function chunk(type: string, data: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}
