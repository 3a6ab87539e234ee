/** WebAssembly: each image's columns gathered (im2col), then one product with the filters. */
import type { Backend, Prepared } from "./backend.ts";
import { COLUMNS, createWasmGemm, ROWS, type WasmGemm } from "./wasm_gemm.ts";
import type { LayerWork } from "./work.ts";

const PAGE = 65_536;

export async function wasmBackend(): Promise<Backend> {
  const module = await createWasmGemm();
  return {
    name: "webassembly",
    description: "one thread of the processor, with SIMD",
    software: true,
    tolerance: 1e-5,
    lost: () => false,
    prepare: (work, x, w) => prepare(module, work, x, w),
    dispose() {},
  };
}

function prepare(
  { memory, gemm }: WasmGemm,
  work: LayerWork,
  x: Float32Array<ArrayBuffer>,
  w: Float32Array<ArrayBuffer>,
): Prepared {
  const { batch, filters, groups, taps, outHeight, outWidth } = work;
  const k = taps.length;
  const perGroup = filters / groups;
  const size = outHeight * outWidth;
  // Images of a few pixels share a product's columns, which there are at least eight of.
  const together = size < COLUMNS ? batch : 1;
  const [m, n] = [up(perGroup, ROWS), up(together * size, COLUMNS)];
  const [aBytes, bBytes, yBytes] = [4 * m * k, 4 * k * n, 4 * m * n].map((bytes) => up(bytes, 16));
  const needed = groups * aBytes + bBytes + yBytes;
  if (memory.buffer.byteLength < needed) memory.grow(Math.ceil((needed - memory.buffer.byteLength) / PAGE));
  const [a, b, y] = [0, groups * aBytes, groups * aBytes + bBytes];
  /** Anew each time: growing for another layer replaces the buffer. */
  let numbers = new Float32Array(memory.buffer);
  const output = new Float32Array(batch * filters * size);
  /** Weights lie there before the run, as inference has them; another layer may have been there meanwhile. */
  const place = () => {
    numbers = new Float32Array(memory.buffer);
    for (let g = 0; g < groups; g++) {
      numbers.fill(0, (a + g * aBytes) / 4, (a + (g + 1) * aBytes) / 4);
      numbers.set(w.subarray(g * perGroup * k, (g + 1) * perGroup * k), (a + g * aBytes) / 4);
    }
    numbers.fill(0, b / 4, (b + bBytes) / 4);
  };
  const once = () => {
    for (let first = 0; first < batch; first += together) {
      for (let g = 0; g < groups; g++) {
        for (let i = 0; i < together; i++) {
          gather(work, x, first + i, g, numbers.subarray(b / 4 + i * size, (b + bBytes) / 4), n);
        }
        gemm(a + g * aBytes, b, y, m, n, k);
        for (let i = 0; i < together; i++) {
          for (let f = 0; f < perGroup; f++) {
            const from = y / 4 + f * n + i * size;
            output.set(numbers.subarray(from, from + size), (((first + i) * groups + g) * perGroup + f) * size);
          }
        }
      }
    }
  };
  return {
    run(times) {
      place();
      for (let i = 0; i < times; i++) once();
    },
    result: () => output,
    dispose() {},
  };
}

/** columns[tap, pixel] of one image's group; rows are `row` numbers long. */
function gather(
  work: LayerWork,
  x: Float32Array,
  image: number,
  group: number,
  columns: Float32Array,
  row: number,
): void {
  const { channels, height, width, stride: [sy, sx], pads: [py, px], dilation: [dy, dx] } = work;
  const { groups, outHeight, outWidth, taps } = work;
  const perGroup = channels / groups;
  taps.forEach(([c, i, j], tap) => {
    const plane = ((image * groups + group) * perGroup + c) * height * width;
    for (let oy = 0; oy < outHeight; oy++) {
      const y = oy * sy - py + i * dy;
      const to = tap * row + oy * outWidth;
      if (y < 0 || y >= height) {
        columns.fill(0, to, to + outWidth);
        continue;
      }
      for (let ox = 0; ox < outWidth; ox++) {
        const at = ox * sx - px + j * dx;
        columns[to + ox] = at >= 0 && at < width ? x[plane + y * width + at] : 0;
      }
    }
  });
}

function up(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
