import type { Plan, Program } from "../src/gpu/types.ts";
import { linearGrid } from "./grid.ts";
import type { Launch } from "./launch.ts";
import type { Candidate, Tuning } from "./tuning.ts";
import fragment from "./teams.wgsl" with { type: "text" };
import { bothWidths, chooseWidth, type VectorPrograms, vectorPrograms } from "./vector.ts";

/**
 * Plans kernels that give each row of a matrix to a team: LANES threads of a workgroup of 64, which meet at barriers to
 * add what each has summed. One thread to a row needs no barriers; many fill a wide device with few rows and read
 * neighbours together.
 */
export const LANES = [1, 8, 64] as const;
export type Lanes = typeof LANES[number];
export type TeamPrograms = Readonly<Record<Lanes, VectorPrograms>>;

/** Puts what teams share before a shader. */
export function inTeams(source: string): string {
  return `${fragment}\n${source}`;
}

/** With `widths` the shader has a constant WIDTH, the elements of a V. */
export function teamPrograms(
  name: string,
  source: string,
  access: Program["access"],
  widths: "counted" | "uncounted",
): TeamPrograms {
  const programs = (lanes: Lanes): VectorPrograms => {
    const { four, one } = vectorPrograms(name, source, access, { LANES: lanes });
    if (widths === "uncounted") return { four, one };
    return {
      four: { ...four, constants: { WIDTH: 4, ...four.constants } },
      one: { ...one, constants: { WIDTH: 1, ...one.constants } },
    };
  };
  return { 1: programs(1), 8: programs(8), 64: programs(64) };
}

export function teamVariants(programs: TeamPrograms): Program[] {
  return LANES.flatMap((lanes) => bothWidths(programs[lanes]));
}

/**
 * Gives each row a team. `counted` must divide by 4 for rows to be read as vec4; `rest(width)` are the uniforms after
 * the grid's row.
 */
export function planTeams(
  programs: TeamPrograms,
  lanes: Lanes,
  rows: number,
  counted: number,
  rest: (width: number) => readonly number[],
): Plan {
  const { program, width } = chooseWidth(programs[lanes], counted);
  const grid = linearGrid(rows, 64 / lanes);
  return { program, uniforms: [rows, grid[0], ...rest(width)], grid };
}

/**
 * Gives one way for each size of team, estimated by the time in which the threads of a busy device take their shares of
 * `items` to a row.
 */
export function teamCandidates(
  rows: number,
  items: number,
  tuning: Tuning,
  build: (lanes: Lanes) => Launch,
): Candidate[] {
  const { threads, waves = 0, teams: { itemNs, barrierNs } } = tuning.profile;
  const busy = Math.max(threads, 64 * waves);
  return LANES.map((lanes) => {
    const rounds = Math.max(1, rows * lanes / busy);
    const meetings = lanes === 1 ? 0 : barrierNs * (2 + Math.log2(lanes));
    return {
      name: lanes === 1 ? "thread to a row" : `${lanes} threads to a row`,
      cost: rounds * (Math.ceil(items / lanes) * itemNs + meetings),
      build: () => build(lanes),
    };
  });
}
