/** Puts labels above a chart into as few rows as keep them apart. Pure. */

export interface Label {
  readonly text: string;
  /** Where it begins. */
  readonly x: number;
}

export interface PlacedLabel extends Label {
  readonly row: number;
}

/**
 * Labels from left to right, each in the first row where nothing is in its way; one that would leave the chart ends
 * where it should begin. What finds no place in `rows` rows is left out.
 *
 * @param characterWidth a character's mean width, and so the gap between two labels
 */
export function placeLabels(
  labels: readonly Label[],
  { width, rows, characterWidth }: { readonly width: number; readonly rows: number; readonly characterWidth: number },
): PlacedLabel[] {
  const ends = Array<number>(rows).fill(-Infinity);
  return labels.flatMap(({ text, x }) => {
    const length = text.length * characterWidth;
    const begin = x + length <= width ? x : Math.max(0, x - length - characterWidth);
    const row = ends.findIndex((end) => begin >= end + characterWidth);
    if (row < 0) return [];
    ends[row] = begin + length;
    return [{ text, x: begin, row }];
  });
}
