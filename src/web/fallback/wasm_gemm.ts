/**
 * A product of matrices in WebAssembly, assembled here instruction by instruction: y[m,n] = a[m,k] · b[k,n] in float32,
 * four rows and eight columns at a time, with 128-bit SIMD.
 *
 * m must be a multiple of 4 and n of 8. Arrays lie row by row in the module's memory, at byte addresses that are multiples
 * of 16. Opcodes: WebAssembly Core Specification 2.0, chapter 5.4.
 */

export interface WasmGemm {
  readonly memory: WebAssembly.Memory;
  /** Addresses in bytes. */
  gemm(a: number, b: number, y: number, m: number, n: number, k: number): void;
}

export const ROWS = 4;
export const COLUMNS = 8;

/** @throws Error where the engine has no WebAssembly with SIMD */
export async function createWasmGemm(): Promise<WasmGemm> {
  const { instance } = await WebAssembly.instantiate(gemmModule());
  const { memory, gemm } = instance.exports as unknown as WasmGemm;
  return { memory, gemm };
}

type Code = readonly number[];

const I32 = 0x7f;
const V128 = 0x7b;

/** Parameters, then locals, by their index. */
const [A, B, Y, M, N, K] = [0, 1, 2, 3, 4, 5];
const [I, J, P, APTR, BPTR, W0, W1] = [6, 7, 8, 9, 10, 11, 12];
/** Eight sums: two vectors for each of the four rows. */
const SUM = 13;

const get = (local: number): Code => [0x20, local];
const set = (local: number, value: Code): Code => [...value, 0x21, local];
const int = (value: number): Code => [0x41, ...signed(value)];
const add = (x: Code, y: Code): Code => [...x, ...y, 0x6a];
const mul = (x: Code, y: Code): Code => [...x, ...y, 0x6c];
const shl = (x: Code, bits: number): Code => [...x, ...int(bits), 0x74];
const less = (x: Code, y: Code): Code => [...x, ...y, 0x49];
const simd = (op: number): Code => [0xfd, ...unsigned(op)];
/** Alignment is told as a power of two, and only a hint. */
const load = (at: Code, offset = 0): Code => [...at, ...simd(0x00), 2, ...unsigned(offset)];
const splat = (at: Code): Code => [...at, ...simd(0x09), 2, 0];
const store = (at: Code, value: Code, offset = 0): Code => [...at, ...value, ...simd(0x0b), 2, ...unsigned(offset)];
const fma = (sum: number, x: Code, y: Code): Code => set(sum, [...get(sum), ...x, ...y, ...simd(0xe6), ...simd(0xe4)]);
const zero: Code = [...simd(0x0c), ...new Array(16).fill(0)];

/** `body` at least once, `local` from 0 in steps of `step` while it is below `end`. */
function loop(local: number, step: number, end: Code, body: Code): Code {
  return [
    ...set(local, int(0)),
    ...[0x03, 0x40],
    ...body,
    ...set(local, add(get(local), int(step))),
    ...less(get(local), end),
    ...[0x0d, 0, 0x0b],
  ];
}

function gemmBody(): Code {
  const rows = [0, 1, 2, 3];
  const rowBytes = (elements: number) => shl(get(elements), 2);
  const inner = [
    ...set(W0, load(get(BPTR))),
    ...set(W1, load(get(BPTR), 16)),
    // Row r of a begins r·k numbers further on.
    ...rows.flatMap((r) => {
      const value = splat(add(get(APTR), mul(int(r), rowBytes(K))));
      return [
        ...fma(SUM + 2 * r, value, get(W0)),
        ...fma(SUM + 2 * r + 1, value, get(W1)),
      ];
    }),
    ...set(APTR, add(get(APTR), int(4))),
    ...set(BPTR, add(get(BPTR), rowBytes(N))),
  ];
  const tile = [
    ...rows.flatMap((r) => [...set(SUM + 2 * r, zero), ...set(SUM + 2 * r + 1, zero)]),
    ...set(APTR, add(get(A), mul(get(I), rowBytes(K)))),
    ...set(BPTR, add(get(B), rowBytes(J))),
    ...loop(P, 1, get(K), inner),
    ...set(APTR, add(get(Y), shl(add(mul(get(I), get(N)), get(J)), 2))),
    ...rows.flatMap((r) => [
      ...store(get(APTR), get(SUM + 2 * r)),
      ...store(get(APTR), get(SUM + 2 * r + 1), 16),
      ...set(APTR, add(get(APTR), rowBytes(N))),
    ]),
  ];
  return loop(I, ROWS, get(M), loop(J, COLUMNS, get(N), tile));
}

function gemmModule(): Uint8Array<ArrayBuffer> {
  const locals = [...unsigned(2), 5, I32, 10, V128];
  const body = [...locals, ...gemmBody(), 0x0b];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 6, I32, I32, I32, I32, I32, I32, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 1]),
    ...section(7, [2, ...name("memory"), 2, 0, ...name("gemm"), 0, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ]);
}

function section(id: number, content: Code): Code {
  return [id, ...unsigned(content.length), ...content];
}

function name(text: string): Code {
  return [text.length, ...new TextEncoder().encode(text)];
}

/** LEB128. */
function unsigned(value: number): Code {
  return value < 128 ? [value] : [value % 128 + 128, ...unsigned(Math.floor(value / 128))];
}

function signed(value: number): Code {
  return value >= -64 && value < 64 ? [value & 127] : [value & 127 | 128, ...signed(value >> 7)];
}
