/**
 * How long networks take on the device at hand: interleaved samples, whole sessions, latency tables.
 *
 * @module
 */
export { UserError } from "../errors.ts";
export type { AvoidablePart, Avoided } from "../gpu/known_faults.ts";
export { type Contestant, type Measured, measureInterleaved, type MeasureOptions } from "../measure/interleaved.ts";
export { fasterProducts, type HalfProducts, type Measure } from "../measure/half_products.ts";
export { buildLatencyTable, type TableOptions, type TableProgress } from "../measure/latency/build.ts";
export { type Estimate, latencyEstimate } from "../measure/latency/estimate.ts";
export type { LatencyLayer, LatencyRest, LatencyTable } from "../measure/latency/types.ts";
export { measureSession, type SessionNetwork, type SessionOptions } from "../measure/session/session.ts";
export type {
  CheckName,
  DeviceInfo,
  Incident,
  KernelTime,
  LayerTime,
  Mode as SessionMode,
  Protocol,
  Roof,
  Row,
  RowStatus,
  SafePath,
  SelfCheck,
  SelfTest,
  SessionEvent,
  Variant,
} from "../measure/session/types.ts";
export { createVisibility, type Visibility, type VisibilityState } from "../measure/session/visibility.ts";
