/** gpu.js: kernels written as functions, which it makes into WebGL2 shaders, or into loops in JavaScript. */
import { GPU, type Texture } from "gpu.js";
import type { Backend, Prepared } from "./backend.ts";
import type { LayerWork } from "./work.ts";

/** @throws Error where the browser has no WebGL2 with float textures */
export function gpuJsBackend(mode: "webgl2" | "cpu"): Backend {
  const canvas = mode === "webgl2" ? new OffscreenCanvas(2, 2) : undefined;
  const context = canvas?.getContext("webgl2") ?? undefined;
  if (mode === "webgl2" && !context?.getExtension("EXT_color_buffer_float")) {
    throw new Error("this browser has no WebGL2 with float textures in workers");
  }
  const gpu = new GPU({ mode, canvas: canvas as unknown as HTMLCanvasElement, context });
  return {
    name: mode === "webgl2" ? "gpu.js webgl2" : "gpu.js cpu",
    description: context ? rendererOf(context) : "JavaScript",
    // Float textures hold float32, but shaders may compute with less.
    tolerance: mode === "webgl2" ? 1e-3 : 1e-5,
    prepare: (work, x, w) => prepare(gpu, mode, work, x, w),
    dispose: () => void gpu.destroy(),
  };
}

/** What createKernel gives: a texture where results stay on the GPU. */
interface Kernel {
  (x: Float32Array, w: Float32Array, taps?: Float32Array): Texture | Float32Array[];
  destroy(): void;
}

function prepare(
  gpu: GPU,
  mode: "webgl2" | "cpu",
  work: LayerWork,
  x: Float32Array<ArrayBuffer>,
  w: Float32Array<ArrayBuffer>,
): Prepared {
  const { op, batch, channels, height, width, filters, kernel, taps } = work;
  const { stride, pads, dilation, groups, outHeight, outWidth } = work;
  const pixels = batch * outHeight * outWidth;
  const pipeline = mode === "webgl2";
  const settings = {
    output: [pixels, filters],
    precision: "single",
    pipeline,
    immutable: false,
    constants: {
      ...{ channels, height, width, outWidth, outSize: outHeight * outWidth, perGroup: channels / groups },
      ...{ filtersPerGroup: filters / groups, kernelY: kernel[0], kernelX: kernel[1], taps: taps.length },
      ...{ strideY: stride[0], strideX: stride[1], padY: pads[0], padX: pads[1] },
      ...{ dilationY: dilation[0], dilationX: dilation[1] },
    },
  };
  const layer = gpu.createKernel(
    (op === "ColumnConv" ? columnLayer : wholeLayer) as never,
    settings as never,
  ) as unknown as Kernel;
  const table = Float32Array.from(taps.flat());
  let last: ReturnType<Kernel> | undefined;
  const rows = (): Float32Array[] => Array.isArray(last) ? last : last!.toArray() as Float32Array[];
  return {
    run(times) {
      for (let i = 0; i < times; i++) last = op === "ColumnConv" ? layer(x, w, table) : layer(x, w);
      // A texture is there when it can be read.
      if (pipeline) rows();
    },
    result() {
      // Filters lie outermost there: [F, N·OH·OW].
      const y = new Float32Array(filters * pixels);
      const size = outHeight * outWidth;
      rows().forEach((line, f) => {
        for (let n = 0; n < batch; n++) y.set(line.slice(n * size, (n + 1) * size), (n * filters + f) * size);
      });
      return y;
    },
    dispose() {
      if (last && !Array.isArray(last)) last.delete();
      layer.destroy();
    },
  };
}

/** What gpu.js gives a kernel as `this`. */
interface Thread {
  readonly thread: { readonly x: number; readonly y: number };
  readonly constants: Readonly<Record<string, number>>;
}

// gpu.js reads the text of the two functions below: plain names, plain loops, nothing from outside but constants.

/** One pixel of one filter's output. */
function wholeLayer(this: Thread, x: number[], w: number[]): number {
  const image = Math.floor(this.thread.x / this.constants.outSize);
  const place = this.thread.x - image * this.constants.outSize;
  const row = Math.floor(place / this.constants.outWidth);
  const column = place - row * this.constants.outWidth;
  const group = Math.floor(this.thread.y / this.constants.filtersPerGroup);
  const top = row * this.constants.strideY - this.constants.padY;
  const left = column * this.constants.strideX - this.constants.padX;
  let sum = 0;
  for (let c = 0; c < this.constants.perGroup; c++) {
    const channel = image * this.constants.channels + group * this.constants.perGroup + c;
    for (let i = 0; i < this.constants.kernelY; i++) {
      const y = top + i * this.constants.dilationY;
      for (let j = 0; j < this.constants.kernelX; j++) {
        const at = left + j * this.constants.dilationX;
        if (y >= 0 && y < this.constants.height && at >= 0 && at < this.constants.width) {
          const tap = ((this.thread.y * this.constants.perGroup + c) * this.constants.kernelY + i) *
              this.constants.kernelX + j;
          sum += w[tap] * x[(channel * this.constants.height + y) * this.constants.width + at];
        }
      }
    }
  }
  return sum;
}

/** The same over the taps that are kept: `taps` has a channel, a row and a column for each. */
function columnLayer(this: Thread, x: number[], w: number[], taps: number[]): number {
  const image = Math.floor(this.thread.x / this.constants.outSize);
  const place = this.thread.x - image * this.constants.outSize;
  const row = Math.floor(place / this.constants.outWidth);
  const column = place - row * this.constants.outWidth;
  const top = row * this.constants.strideY - this.constants.padY;
  const left = column * this.constants.strideX - this.constants.padX;
  let sum = 0;
  for (let t = 0; t < this.constants.taps; t++) {
    const y = top + taps[3 * t + 1] * this.constants.dilationY;
    const at = left + taps[3 * t + 2] * this.constants.dilationX;
    if (y >= 0 && y < this.constants.height && at >= 0 && at < this.constants.width) {
      const channel = image * this.constants.channels + taps[3 * t];
      sum += w[this.thread.y * this.constants.taps + t] *
        x[(channel * this.constants.height + y) * this.constants.width + at];
    }
  }
  return sum;
}

function rendererOf(context: WebGL2RenderingContext): string {
  const extension = context.getExtension("WEBGL_debug_renderer_info");
  return String(context.getParameter(extension ? extension.UNMASKED_RENDERER_WEBGL : context.RENDERER));
}
