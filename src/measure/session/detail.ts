/** Measures what a session measures beside its rows, where it is asked to: the roofs, kernels and layers. */
import { FMA_BYTES, FMA_VARIANTS, planFma } from "../../../kernels/roofline/plan.ts";
import { DeviceLostError } from "../../gpu/errors.ts";
import type { Gpu, Timing } from "../../gpu/gpu.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { MIN_SAMPLE_QUANTA } from "../interleaved.ts";
import { measureRoofline } from "../roofline.ts";
import type { Context } from "./context.ts";
import { pause } from "./pause.ts";
import { reasonOf } from "./reason.ts";
import { FAMILIES, measureKernels } from "./kernels.ts";
import { layerCount, measureLayers } from "./layers.ts";
import type { Entrant } from "./rows.ts";
import type { Roof } from "./types.ts";
import { HIDDEN, untilVisible } from "./visibility.ts";

/**
 * The copy that is the memory roof has buffers of the first size where there is room, and smaller ones where there
 * isn't.
 */
const COPY_BYTES = [64 * 2 ** 20, 16 * 2 ** 20, 4 * 2 ** 20];
/** The roofs and kernels together have about so many timed things, and each has so many timings. */
const KERNELS = 24, TIMINGS = 7;
/** With a coarse clock samples are long: what would take more time than this is left out. */
const MOST_MS = 60_000;

/** Measures the roofs, then the kernels against them. */
export async function measureHardware(context: Context): Promise<void> {
  const what = "roofs and kernels";
  const roof = await steadily(context, what, async (gpu, beforeSample) => {
    await affordable(gpu, KERNELS);
    return await anyRoof(context, gpu, beforeSample);
  });
  if (!roof) return;
  context.tell({ kind: "roof", roof });
  for (const family of FAMILIES) {
    const kernels = await steadily(
      context,
      `${family} kernels`,
      (gpu, beforeSample) => measureKernels(gpu, family, roof, { beforeSample }),
    );
    for (const kernel of kernels ?? []) context.tell({ kind: "kernel", kernel });
  }
}

/** Measures the time of each step of each entrant's plan. */
export async function measureTimelines(context: Context, entrants: readonly Entrant[], batch: number): Promise<void> {
  for (const entrant of entrants) {
    const what = `layers of ${entrant.network} ${entrant.variant}, batch ${batch}`;
    const layers = await steadily(context, what, async (gpu, beforeSample) => {
      // With them go whole runs, and dispatches that do nothing.
      await affordable(gpu, 2 + layerCount(entrant.model));
      return await measureLayers(gpu, entrant, batch, { beforeSample });
    });
    if (layers && layers.length > 0) context.tell({ kind: "layers", layers });
  }
}

type BeforeSample = () => Promise<"go on" | "enough">;

/**
 * Does `work` on a device of its own while the page is seen; once more where the page was hidden or the device lost
 * meanwhile. What fails then, or otherwise, is left out and said so. Gives undefined where there is no result.
 */
async function steadily<T>(
  context: Context,
  what: string,
  work: (gpu: Gpu, beforeSample: BeforeSample) => Promise<T>,
): Promise<T | undefined> {
  for (let tries = 1;; tries++) {
    await untilVisible(context.visibility, context.signal);
    if (context.stopped()) return undefined;
    let hidden = false;
    const unwatch = context.visibility.onChange((state) => hidden ||= state === "hidden");
    try {
      using gpu = await context.open();
      if (tries > 1) context.incident("device reopened", `to try ${what} again`);
      const result = await work(gpu, async () => {
        await pause(0);
        return context.stopped() || hidden ? "enough" : "go on";
      });
      if (context.stopped()) return undefined;
      if (!hidden) return result;
      if (tries > 1) throw new Error(HIDDEN);
    } catch (error) {
      const lost = error instanceof DeviceLostError;
      if (lost) context.incident("device lost", `at ${what}`);
      if (!lost || tries > 1) {
        context.incident("left out", `${what}: ${reasonOf(error)}`);
        return undefined;
      }
    } finally {
      unwatch();
    }
  }
}

/** @throws Error where the clock is so coarse that timing so many things would take too long */
async function affordable(gpu: Gpu, count: number): Promise<void> {
  const { quantumMs } = await aTiming(gpu);
  const ms = count * TIMINGS * MIN_SAMPLE_QUANTA * quantumMs;
  if (ms <= MOST_MS) return;
  const steps = `the clock's steps of ${quantumMs.toPrecision(2)} ms`;
  throw new Error(`with ${steps} it would take ${Math.ceil(ms / 60_000)} minutes`);
}

/** Times some work, since an empty recording has no timestamps. */
async function aTiming(gpu: Gpu): Promise<Timing> {
  using y = Tensor.empty(gpu, [FMA_BYTES / 4]);
  const plan = planFma(FMA_VARIANTS[0], 8);
  await gpu.time(() => gpu.run(plan, [y]));
  return await gpu.time(() => gpu.run(plan, [y]));
}

/** Takes smaller buffers where the larger ones don't fit, and throws the last error where none fit. */
async function anyRoof(context: Context, gpu: Gpu, beforeSample: BeforeSample): Promise<Roof | undefined> {
  for (const copyBytes of COPY_BYTES) {
    try {
      const found = await measureRoofline(gpu, { copyBytes, beforeSample });
      return found && { gflops: found.gflops, gbps: found.gbps };
    } catch (error) {
      if (error instanceof DeviceLostError || context.stopped() || copyBytes === COPY_BYTES.at(-1)) throw error;
    }
  }
}
