import { random } from "../../kernels/random/philox.ts";
import { UserError } from "../../src/errors.ts";
import type { Dataset } from "../../src/data/types.ts";
import { mnistFiles } from "../../src/data/mnist.ts";

/** An IDX file of unsigned bytes. */
export function idx(dims: readonly number[], data: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 + 4 * dims.length + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x0800 + dims.length);
  dims.forEach((dim, i) => view.setUint32(4 + 4 * i, dim));
  bytes.set(data, 4 + 4 * dims.length);
  return bytes;
}

export async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The four files of a small MNIST: `train` and `test` images of noise, labels 0 … 9 in turn. */
export function tinyMnist(train = 120, test = 40): Record<string, Uint8Array<ArrayBuffer>> {
  const images = (n: number, step: number) => {
    const rng = random(0, "tiny");
    return idx([n, 28, 28], Uint8Array.from({ length: n * 784 }, (_, i) => rng.bits(step, i) & 255));
  };
  const labels = (n: number) => idx([n], Uint8Array.from({ length: n }, (_, i) => i % 10));
  return {
    [mnistFiles[0]]: images(train, 0),
    [mnistFiles[1]]: labels(train),
    [mnistFiles[2]]: images(test, 1),
    [mnistFiles[3]]: labels(test),
  };
}

export async function writeFolder(files: Record<string, Uint8Array>, folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) await Deno.writeFile(`${folder}/${name}`, bytes);
}

/** Runs `body` with a folder that is removed afterwards. */
export async function withFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "secateur-data-" });
  try {
    return await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Sample i, channel c, pixel j holds 1 + (7i + 50c + j) % 200: never zero, no two rows alike. */
export function ramp(count: number, shape: [number, number, number] = [1, 6, 6], classes = 3): Dataset {
  const plane = shape[1] * shape[2];
  const size = shape[0] * plane;
  return {
    name: "ramp",
    classes,
    shape,
    count,
    images: Uint8Array.from({ length: count * size }, (_, at) => {
      const i = Math.floor(at / size), c = Math.floor(at % size / plane), j = at % plane;
      return 1 + (7 * i + 50 * c + j) % 200;
    }),
    labels: Uint16Array.from({ length: count }, (_, i) => i % classes),
    normalization: {
      scale: 200,
      mean: Array.from({ length: shape[0] }, (_, c) => 0.25 + c / 8),
      std: Array.from({ length: shape[0] }, (_, c) => 0.5 + c / 4),
    },
  };
}

/** The message of the UserError that `run` must reject with. */
export async function complaint(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  throw new Error("expected a UserError, nothing was thrown");
}
