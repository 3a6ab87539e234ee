/** What is kept of a net's cells in docs/results/methods, and how cells of another sitting are taken up into it. Pure. */
import { UserError } from "../../src/errors.ts";
import { adapterName } from "../../src/gpu/adapter.ts";
import { type CellResult, type DoneCell, placeOf } from "./cell.ts";

/** What the suite writes of one net. */
export interface MethodsRecord {
  readonly suite: "methods";
  readonly about: string;
  /** Of the latest sitting, as all that isn't in the cells. */
  readonly date: string;
  readonly adapter: { readonly vendor: string; readonly description: string };
  readonly machine: unknown;
  readonly versions: unknown;
  /** Each with the source that computed it. */
  readonly cells: readonly DoneCell[];
  /** Cells that a method refuses, and why. */
  readonly missing: readonly { readonly cell: string; readonly reason: string }[];
}

/**
 * The record with the cells of a sitting. A cell that both have stays as it is: the first result counts, however often it was
 * computed, and whoever wants another takes the old one out by hand.
 *
 * @param known digests of what determines each cell by today's source, by the cell's place, in the order of the tables
 * @throws UserError where the sitting was on other settings or another adapter, a cell of it was computed by other definitions
 * than today's, or came to something else than the record says
 */
export function takenUp(
  record: MethodsRecord | undefined,
  sitting: MethodsRecord,
  known: ReadonlyMap<string, string>,
): MethodsRecord {
  if (record) refuseOtherSetting(record, sitting);
  const cells = new Map((record?.cells ?? []).map((cell) => [placeOf(cell), cell]));
  for (const cell of sitting.cells) {
    const place = placeOf(cell);
    if (known.get(place) === undefined || known.get(place) !== cell.digest) {
      throw new UserError(
        `${place}: was computed by other definitions than today's: run the suite again in its folder, which reads what is the same`,
      );
    }
    const before = cells.get(place);
    if (before) refuseOtherResult(place, before, cell);
    else cells.set(place, cell);
  }
  const order = [...known.keys()];
  // What today's source doesn't define any more stays behind the rest.
  const rank = (place: string) => order.includes(place) ? order.indexOf(place) : order.length;
  const missing = new Map([...record?.missing ?? [], ...sitting.missing].map((one) => [one.cell, one]));
  return {
    ...sitting,
    cells: [...cells].sort(([a], [b]) => rank(a) - rank(b)).map(([, cell]) => cell),
    missing: [...missing.values()].filter(({ cell }) => !cells.has(cell)),
  };
}

function refuseOtherSetting(record: MethodsRecord, sitting: MethodsRecord): void {
  const adapterOf = ({ adapter }: MethodsRecord) => adapterName(adapter);
  for (
    const [what, before, now] of [
      ["networks and training", record.about, sitting.about],
      ["adapter", adapterOf(record), adapterOf(sitting)],
    ]
  ) {
    if (before !== now) {
      throw new UserError(
        `a sitting with another ${what}: "${now}", the record has "${before}"; keep it as a net of its own`,
      );
    }
  }
}

/** Times differ whenever something is timed again; everything else is the same to the bit. */
const SAME: readonly (keyof CellResult)[] = ["accuracy", "dense", "params", "nonzero", "macs", "epochs"];

function refuseOtherResult(place: string, before: DoneCell, now: DoneCell): void {
  const key = SAME.find((key) => before[key] !== now[key]);
  if (key === undefined) return;
  throw new UserError(
    `${place}: the record has ${key} ${before[key]} of commit ${before.commit}, this sitting ${
      now[key]
    } of commit ${now.commit}: ` +
      "find out why before you take one of them out",
  );
}
