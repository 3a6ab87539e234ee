/** Files of NumPy, made by hand. */

/** A file as np.save writes it. */
export function npy(descr: string, shape: string, numbers: ArrayBufferView, { version = 1, order = "False" } = {}) {
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`;
  const before = version === 1 ? 10 : 12;
  const header = text.padEnd(Math.ceil((before + text.length + 1) / 64) * 64 - before - 1) + "\n";
  const bytes = new Uint8Array(before + header.length + numbers.byteLength);
  bytes.set([0x93, ...new TextEncoder().encode("NUMPY"), version, 0]);
  const view = new DataView(bytes.buffer);
  if (version === 1) view.setUint16(8, header.length, true);
  else view.setUint32(8, header.length, true);
  bytes.set(new TextEncoder().encode(header), before);
  bytes.set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength), before + header.length);
  return bytes;
}
