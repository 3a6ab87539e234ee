/** The charts of a report, each with its heading, its legend and words for those who can't see it. */
import { stagesOf } from "./build.ts";
import type { Detail } from "./detail.ts";
import { blocksFigure, searchFigure } from "./figures/depth.ts";
import { latencyFigure } from "./figures/latency.ts";
import { widthsFigure } from "./figures/layers.ts";
import { controlsFigure } from "./figures/controls.ts";
import { tradeoffFigure } from "./figures/tradeoff.ts";
import { residualsFigure, trainingFigure } from "./figures/training.ts";
import { untilFigure } from "./figures/until.ts";
import type { Html } from "./markup.ts";
import type { Report } from "./types.ts";

/** Every figure for which there are data. */
export function figures(report: Report, detail: Detail): Html[] {
  return [
    tradeoffFigure(report, stagesOf(report)),
    controlsFigure(report),
    report.depth && report.depth.blocks.length > 0 ? blocksFigure(report.depth) : undefined,
    report.depth?.search ? searchFigure(report.depth.search) : undefined,
    ...(report.until ?? []).map(untilFigure),
    detail.layers.some(({ merged }) => merged === undefined) ? widthsFigure(detail.layers) : undefined,
    detail.residuals.length > 0 ? residualsFigure(detail.residuals) : undefined,
    detail.curves.length > 0 ? trainingFigure(detail.curves) : undefined,
    report.latency.length > 0 ? latencyFigure(report) : undefined,
  ].filter((figure) => figure !== undefined);
}
