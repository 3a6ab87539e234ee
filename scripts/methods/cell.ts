/** One cell of the comparison: a method on a network by one seed, computed once for what determines it. */
import type { Gpu } from "../../src/gpu/gpu.ts";
import { sha256 } from "../../src/formats/sha256.ts";
import type { ResidualPoint } from "../../src/report/detail.ts";
import type { Net } from "./nets.ts";

export type Track = "A" | "B" | "C";

/** Where a cell stands: its track's table, row and column. */
export interface CellName {
  readonly net: Net;
  readonly track: Track;
  readonly method: string;
  /** What is asked for, as the column says it: "2× fewer MACs". */
  readonly level: string;
  readonly seed: number;
}

/** What a cell came to; fractions in 0…1. */
export interface CellResult {
  /** On the test images, which chose nothing, after the last epoch. */
  readonly accuracy: number;
  /** Of the network that it began with. */
  readonly dense: number;
  /** Parts of the dense network's that are left. */
  readonly params: number;
  readonly nonzero: number;
  readonly macs: number;
  /** The dense network's time over this one's at a batch, on the adapter at hand; absent where nothing was timed. */
  readonly speedup?: number;
  /** Epochs of training after the dense network. */
  readonly epochs: number;
  /** Of ADMM, how each layer converged, update by update; records of the first sittings lack it. */
  readonly updates?: readonly AdmmUpdate[];
}

/** What a report's log says of a layer after an update (ResidualPoint). */
export type AdmmUpdate = Pick<ResidualPoint, "update" | "step" | "layer" | "residual" | "support">;

export interface Cell extends CellName {
  /** All that determines the result, as JSON: it names the cell's folder. */
  readonly determinedBy: unknown;
  /** @param dir the cell's own folder, where it may go on with what it finds */
  compute(gpu: Gpu, dir: string): Promise<CellResult>;
}

/** What is written when a cell is done, and read in place of computing it again. */
export interface DoneCell extends CellResult {
  readonly net: string;
  readonly track: Track;
  readonly method: string;
  readonly level: string;
  readonly seed: number;
  /** The source that computed it. */
  readonly commit: string;
  /** Of all that determined it; records of the first sittings lack it. */
  readonly digest?: string;
}

export function nameOf({ net, ...place }: CellName): string {
  return placeOf({ ...place, net: net.name });
}

/** The same of a cell that is done. */
export function placeOf({ net, track, method, level, seed }: Omit<CellName, "net"> & { readonly net: string }): string {
  return `${net} ${track} ${method}, ${level}, seed ${seed}`;
}

/** Computes a cell, or reads what an earlier sitting has. The folder below `root` goes by the name and a digest. */
export async function done(
  gpu: Gpu,
  cell: Cell,
  { root, commit }: { readonly root: string; readonly commit: string },
): Promise<DoneCell> {
  const earlier = await kept(cell, root);
  if (earlier) return earlier;
  const digest = await digestOf(cell);
  const dir = `${root}/${folderOf(cell, digest)}`;
  const path = `${dir}/cell.json`;
  const { net, track, method, level, seed } = cell;
  const found: DoneCell = { net: net.name, track, method, level, seed, ...await cell.compute(gpu, dir), commit };
  await Deno.mkdir(dir, { recursive: true });
  // As a whole or not at all: half of a file would count as a cell.
  await Deno.writeTextFile(`${path}.part`, JSON.stringify(found, null, 2) + "\n");
  await Deno.rename(`${path}.part`, path);
  return { ...found, digest };
}

/** What an earlier sitting has computed; undefined where none has. */
export async function kept(cell: Cell, root: string): Promise<DoneCell | undefined> {
  const digest = await digestOf(cell);
  try {
    const found = JSON.parse(await Deno.readTextFile(`${root}/${folderOf(cell, digest)}/cell.json`)) as DoneCell;
    return { ...found, digest };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Of all that determines a cell. */
export async function digestOf({ determinedBy }: Cell): Promise<string> {
  return (await sha256(new TextEncoder().encode(JSON.stringify(determinedBy)))).slice(0, 10);
}

function folderOf(cell: Cell, digest: string): string {
  return `${nameOf(cell).replaceAll(/[^a-z0-9.]+/gi, "-")}-${digest}`;
}
