import type { Program } from "../../src/gpu/types.ts";
import { epilogueConstants, EPILOGUES } from "../launch.ts";
import { columnsVariants } from "./kept_columns.ts";
import { implicitVariants } from "./implicit_gemm.ts";
import { im2colVariants } from "./im2col.ts";
import { fullRowsVariants } from "./dgrad_full_rows.ts";
import { gatherProgram } from "./indirect.ts";
import { packVariants } from "./pack.ts";
import { variants as regionVariants } from "./region.ts";
import { padVariants } from "./pad.ts";
import { rowsProgram } from "./direct_rows.ts";
import { WIDEST } from "./tap_runs.ts";
import { bareDepthwiseVariants } from "./depthwise_bare.ts";
import { depthwiseProgram } from "./depthwise.ts";
import { direct4x4Variants } from "./direct4x4.ts";
import { wgradVariants } from "./wgrad.ts";
import { winogradVariants } from "./winograd_ways.ts";

/**
 * Lists every constant with each of its values, not every combination: run widths, tiles and epilogues change one at a
 * time, while the others are at their smallest (a software device takes a second to compile a large tile).
 */
export function variants(): Program[] {
  const widths = Array.from({ length: WIDEST }, (_, i) => i + 1);
  const plain = epilogueConstants({}), others = EPILOGUES.slice(1).map(epilogueConstants);
  return [
    ...widths.map((KW) => rowsProgram({ KW, FB: 1, SUBS: 1, ...plain })),
    ...[[1, 2], [2, 4]].map(([FB, SUBS]) => rowsProgram({ KW: 1, FB, SUBS, ...plain })),
    ...others.map((e) => rowsProgram({ KW: 1, FB: 1, SUBS: 1, ...e })),
    ...widths.map((KW) => depthwiseProgram({ KW, SUBS: 1, ...plain })),
    ...[2, 4].map((SUBS) => depthwiseProgram({ KW: 1, SUBS, ...plain })),
    ...others.map((e) => depthwiseProgram({ KW: 1, SUBS: 1, ...e })),
    ...[1, 2, 4].map((FB) => gatherProgram({ FB, ...plain })),
    ...others.map((e) => gatherProgram({ FB: 1, ...e })),
    ...[
      ...wgradVariants(),
      ...columnsVariants(),
      ...packVariants(),
      ...regionVariants(),
      ...padVariants(),
      ...direct4x4Variants(),
      ...fullRowsVariants(),
      ...im2colVariants(),
      ...implicitVariants(),
      ...bareDepthwiseVariants(),
      ...winogradVariants(),
    ],
  ];
}
