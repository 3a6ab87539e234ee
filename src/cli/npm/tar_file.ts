/** Tar archives: ustar headers, then contents padded to blocks, then two blocks of zeros. */
export interface TarMember {
  /** At most 100 bytes. */
  readonly name: string;
  readonly bytes?: Uint8Array;
  /** "0" (default) a file, "1" a hard link, "2" a symbolic link, "5" a folder, "6" a pipe. */
  readonly type?: string;
  /** What the header says of the size; default: the truth. Tests let it lie. */
  readonly size?: number;
}

/**
 * The archive of `members` in their order. All times are 0, so the same members give the same bytes.
 * @throws RangeError for a name of more than 100 bytes
 */
export function tar(members: readonly TarMember[]): Uint8Array<ArrayBuffer> {
  const blocks = members.flatMap(({ name, bytes = new Uint8Array(0), type = "0", size = bytes.length }) => {
    const header = new Uint8Array(512);
    const put = (at: number, text: string) => header.set(new TextEncoder().encode(text), at);
    if (new TextEncoder().encode(name).length > 100) {
      throw new RangeError(`${name}: longer than the 100 bytes of a name`);
    }
    put(0, name);
    put(100, "0000644\0");
    put(124, size.toString(8).padStart(11, "0") + "\0");
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, type);
    put(257, "ustar\x0000");
    put(148, header.reduce((a, b) => a + b, 0).toString(8).padStart(6, "0") + "\0 ");
    const content = new Uint8Array(Math.ceil(bytes.length / 512) * 512);
    content.set(bytes);
    return [header, content];
  });
  const whole = new Uint8Array(blocks.reduce((sum, { length }) => sum + length, 1024));
  let at = 0;
  for (const block of blocks) {
    whole.set(block, at);
    at += block.length;
  }
  return whole;
}
