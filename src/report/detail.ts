import type { Diagnosis } from "../doctor/diagnose.ts";

/** What a report page shows beyond `report.json`. */
export interface Detail {
  readonly recipeYaml: string;
  readonly layers: readonly Layer[];
  readonly curves: readonly CurvePoint[];
  readonly residuals: readonly ResidualPoint[];
  /** What was measured of the network on the run's device; absent where the run measured nothing, or not long enough. */
  readonly diagnosis?: Diagnosis;
  /** Name of a program or package -> its version. */
  readonly versions: Readonly<Record<string, string>>;
}

/** A layer that carries weights; `before` and `after` are its output widths. */
export interface Layer {
  readonly name: string;
  readonly before: number;
  readonly after: number;
  readonly params: Change;
  readonly macs: Change;
  /** How it became part of another layer: it has no size of its own any more, which isn't the same as being gone. */
  readonly merged?: string;
}

export interface Change {
  readonly before: number;
  readonly after: number;
}

/** The end of an epoch; `epoch` counts from 1 within its phase. */
export interface CurvePoint {
  readonly phase: string;
  readonly epoch: number;
  readonly loss: number;
  readonly validationAccuracy: number;
  /** Of progressive training: how far blocks have gone over into their forms, in 0…1. */
  readonly lambda?: number;
}

/** ‖W−Z‖/‖W‖ of a layer after an ADMM update; `update` counts from 1 over the whole run, `step` is the progressive one. */
export interface ResidualPoint {
  readonly update: number;
  readonly layer: string;
  readonly residual: number;
  readonly rho: number;
  /** Share of the groups chosen otherwise than at the update before; logs of earlier versions don't have it. */
  readonly support?: number;
  readonly step: number;
}

/**
 * The curves that lie in a run's `log.jsonl`, one JSON object per line. Lines of another kind, and a last one that was cut
 * short, are passed over.
 */
export function detailFromLog(lines: Iterable<string>): Pick<Detail, "curves" | "residuals"> {
  const curves: CurvePoint[] = [];
  const residuals: ResidualPoint[] = [];
  let update = 0;
  for (const line of lines) {
    const event = parse(line);
    const { phase, epoch, loss, validationAccuracy, lambda } = event;
    if (typeof phase !== "string") continue;
    if (isNumber(epoch) && isNumber(loss) && isNumber(validationAccuracy)) {
      curves.push({ phase, epoch, loss, validationAccuracy, ...isNumber(lambda) ? { lambda } : {} });
    }
    const layers = Object.entries(isObject(event.residuals) ? event.residuals : {});
    if (layers.length > 0) update++;
    for (const [layer, residual] of layers) {
      const rho = isObject(event.rho) ? event.rho[layer] : event.rho;
      const support = isObject(event.support) ? event.support[layer] : undefined;
      if (isNumber(residual)) {
        residuals.push({
          update,
          layer,
          residual,
          rho: isNumber(rho) ? rho : NaN,
          ...isNumber(support) && { support },
          step: step(phase),
        });
      }
    }
  }
  return { curves, residuals };
}

/** "admm 2/3" -> 2; a phase that doesn't count is the first. */
function step(phase: string): number {
  return Number(/(\d+)\s*\/\s*\d+/.exec(phase)?.[1] ?? 1);
}

function parse(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
