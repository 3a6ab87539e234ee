/** All cells of a net, track by track. */
import type { Cell } from "./cell.ts";
import { criteriaTrack } from "./criteria_track.ts";
import type { Net } from "./nets.ts";
import { refitTrack } from "./refit_track.ts";
import { sparsityTrack } from "./sparsity_track.ts";

/** @param root where the folders of cells and dense networks lie */
export function cellsOf(net: Net, root: string): Cell[] {
  return [...criteriaTrack(net, root), ...refitTrack(net, root), ...sparsityTrack(net, root)];
}
