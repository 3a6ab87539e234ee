/** One row's lanes as SVG, as high as the row; numbers and known words only. */
import { type Html, raw } from "../markup.ts";
import type { LaneRow } from "./lanes.ts";

const STEP = 12;
/** As the style sheet's rows. */
const HEIGHT = 48;
const MIDDLE = 16;

/** @param colour a class of the style sheet */
export function rowLanes({ lane, from, past, goesOn }: LaneRow, lanes: number, colour: string): Html {
  const x = (at: number) => STEP * at + STEP / 2;
  const lines = [
    ...past.map((at) => `M${x(at)} 0V${HEIGHT}`),
    ...from.map((at) =>
      at === lane ? `M${x(at)} 0V${MIDDLE}` : `M${x(at)} 0C${x(at)} ${MIDDLE} ${x(lane)} 0 ${x(lane)} ${MIDDLE}`
    ),
    ...goesOn ? [`M${x(lane)} ${MIDDLE}V${HEIGHT}`] : [],
  ];
  const width = STEP * lanes;
  return raw(
    `<svg class="lanes" width="${width}" height="${HEIGHT}" viewBox="0 0 ${width} ${HEIGHT}" aria-hidden="true">` +
      `<path d="${lines.join("")}"/><circle class="${colour}" cx="${x(lane)}" cy="${MIDDLE}" r="4.5"/></svg>`,
  );
}
