import type { MeasuredSuite } from "../suite.ts";
import { depth } from "./depth.ts";
import { headline } from "./headline.ts";
import { inference } from "./inference.ts";
import { kernels } from "./kernels.ts";
import { projection } from "./projection.ts";
import { sparse } from "./sparse.ts";
import { training } from "./training.ts";

/** The suites that run our own code only, wherever there is WebGPU. */
export const MEASURED: readonly MeasuredSuite[] = [kernels, sparse, projection, training, inference, headline, depth];
