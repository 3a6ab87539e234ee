import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Halo, haloBytes, padStep } from "../../kernels/conv/pad.ts";
import { launch } from "../../src/tensor/ops/launch.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import { testGpu } from "../gpu.ts";
import { noise } from "./reference64.ts";

const test = suite("halo");

const HALOS: Record<string, Halo> = {
  "3×3": { planes: 6, height: 7, width: 5, rows: 9, cols: 8, top: 1, left: 1, phases: 1 },
  "wide left": { planes: 2, height: 3, width: 9, rows: 5, cols: 20, top: 1, left: 7, phases: 1 },
  "in fours": { planes: 3, height: 4, width: 8, rows: 6, cols: 16, top: 1, left: 4, phases: 1 },
  "cropped": { planes: 3, height: 6, width: 7, rows: 3, cols: 4, top: -2, left: -3, phases: 1 },
  "stride 2": { planes: 5, height: 8, width: 9, rows: 10, cols: 8, top: 1, left: 1, phases: 2 },
  "stride 2, cropped": { planes: 2, height: 5, width: 11, rows: 4, cols: 4, top: -1, left: -2, phases: 2 },
  "stride 3": { planes: 2, height: 5, width: 13, rows: 6, cols: 8, top: 1, left: 2, phases: 3 },
  "stride 4": { planes: 1, height: 3, width: 11, rows: 3, cols: 4, top: 0, left: 0, phases: 4 },
  "long rows": { planes: 1, height: 1, width: 1021, rows: 1, cols: 1024, top: 0, left: 0, phases: 1 },
  "more planes than a grid is deep": {
    planes: 70_001,
    height: 1,
    width: 2,
    rows: 3,
    cols: 4,
    top: 1,
    left: 1,
    phases: 1,
  },
};

for (const [name, halo] of Object.entries(HALOS)) {
  test(name, async () => {
    const gpu = await testGpu();
    const { planes, height, width } = halo;
    const x = noise(planes * height * width, 1);
    using from = Tensor.from(gpu, x, [x.length]);
    using to = Tensor.from(gpu, new Float32Array(haloBytes(halo) / 4).fill(7), [haloBytes(halo) / 4]);
    launch(gpu, { steps: [padStep(halo, "x", "y")], scratch: {}, tables: {} }, { x: from, y: to }, name);
    assert.equal(await to.read(), padded(x, halo));
  });
}

/** Element by element as the definition has it. */
function padded(x: Float32Array, { planes, height, width, rows, cols, top, left, phases }: Halo): Float32Array {
  const y = new Float32Array(planes * phases * rows * cols);
  for (let i = 0; i < y.length; i++) {
    const c = i % cols, r = Math.floor(i / cols) % rows, plane = Math.floor(i / (cols * rows));
    const h = r - top, w = c * phases + plane % phases - left;
    const inside = h >= 0 && h < height && w >= 0 && w < width;
    if (inside) y[i] = x[(Math.floor(plane / phases) * height + h) * width + w];
  }
  return y;
}

test.run();
