/**
 * Finds out whether this device multiplies numbers that are kept in f16 faster in f16: some GPUs take two of them at a time,
 * others convert them for nothing. A convolution is timed both ways.
 */
import "../disposable.ts";
import { planConvForward } from "../../kernels/conv/forward.ts";
import { type ConvShape, squareConv } from "../../kernels/conv/shape.ts";
import type { DeviceProfile } from "../../kernels/device_profile.ts";
import { random } from "../../kernels/random/philox.ts";
import type { Gpu } from "../gpu/gpu.ts";
import { compareOutputs, HALF_TOLERANCE } from "../graph/compare.ts";
import { cast, hasHalves, type Products } from "../graph/plan_storage.ts";
import { launch, tuningFor } from "../tensor/ops/launch.ts";
import { readTensors, Tensor } from "../tensor/tensor.ts";
import { type Contestant, type Measured, measureInterleaved, type MeasureOptions } from "./interleaved.ts";

/** What plans that keep their numbers in f16 should multiply in, and why. */
export interface HalfProducts {
  /** What was faster, or is the only one. */
  readonly products: Products;
  /** One line. */
  readonly detail: string;
}

/** Products in f16 must take less than this part of the time of those in f32, or they only cost accuracy. */
const CLEARLY_FASTER = 0.9;
/** A tenth of a second for each way is enough to tell a half from a whole. */
const MEASURE: MeasureOptions = { seconds: 0.1, minSamples: 5, maxSamples: 9 };

const known = new WeakMap<Gpu, Promise<HalfProducts>>();

/** Times both ways, once for each device. `measure` stands in for the clock in tests. */
export function fasterProducts(gpu: Gpu, measure: Measure = measureInterleaved): Promise<HalfProducts> {
  let found = known.get(gpu);
  if (!found) known.set(gpu, found = timeProducts(gpu, measure));
  return found;
}

/** Times contestants and gives their medians in their order, as `measureInterleaved` does. */
export type Measure = (
  gpu: Gpu,
  contestants: readonly Contestant[],
  options?: MeasureOptions,
) => Promise<readonly Pick<Measured, "medianMs">[]>;

async function timeProducts(gpu: Gpu, measure: Measure): Promise<HalfProducts> {
  const { profile } = tuningFor(gpu);
  if (!hasHalves(gpu)) return inF32("this device doesn't offer shader-f16");
  if (profile.waves === undefined) return inF32("kernels for this kind of device multiply in f32 only");
  using stack = new DisposableStack();
  const own = (tensor: Tensor) => stack.use(tensor);
  const s = timedShape(profile), sizes = { x: pixelsOf(s) * s.channels, w: s.filters * s.channels * 9 };
  const halved = (size: number, stream: number) => {
    const wide = own(Tensor.from(gpu, random(1, "f16").fillNormal(new Float32Array(size), stream), [size]));
    const half = own(Tensor.empty(gpu, [size], "f16"));
    cast(gpu, wide, half, "f16 products");
    return half;
  };
  const x = halved(sizes.x, 0), w = halved(sizes.w, 1);
  const ways = (["f32", "f16"] as const).map((name) => {
    const y = own(Tensor.empty(gpu, [pixelsOf(s) * s.filters]));
    const plan = planConvForward(s, {}, { ...tuningFor(gpu), products: name === "f16" ? name : undefined });
    return { name, y, record: () => launch(gpu, plan, { x, w, y }, `products in ${name}`) };
  });
  for (const { record } of ways) record();
  const [wide, half] = await readTensors(ways.map(({ y }) => y));
  const { maxRel } = compareOutputs(wide, half);
  if (!(maxRel <= HALF_TOLERANCE)) return inF32(`those in f16 are ${maxRel.toPrecision(2)} of the largest off`);
  const [f32, f16] = (await measure(gpu, ways, MEASURE)).map(({ medianMs }) => medianMs);
  return decided(f32, f16);
}

/** Decides by the times of both. */
export function decided(f32: number, f16: number): HalfProducts {
  const share = `those in f16 take ${(f16 / f32).toFixed(2)} of the time of those in f32`;
  if (f16 > CLEARLY_FASTER * f32) return inF32(share);
  return { products: "f16", detail: `products are computed in f16: ${share}` };
}

function inF32(why: string): HalfProducts {
  return { products: "f32", detail: `products are computed in f32: ${why}` };
}

/** As many tiles of 64×64 outputs as the device should have waves. */
function timedShape({ waves = 1 }: DeviceProfile): ConvShape {
  return squareConv({ batch: 1, channels: 32, height: 64, width: waves, filters: 64 });
}

function pixelsOf({ height, width }: ConvShape): number {
  return height * width;
}
