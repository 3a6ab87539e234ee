import { planBorder, planBorderGrad } from "../../../kernels/shape/border.ts";
import { UserError } from "../../errors.ts";
import type { Tape } from "../tape.ts";
import { Tensor } from "../tensor.ts";
import { launchSum } from "./reduce.ts";
import { constantTable } from "./tables.ts";

/**
 * Computes y[n,f,i,j] = x[n,f,i,j] + table[f, rows[i], cols[j]] for x [N, F, H, W] and table [F, R, C]: the bias that a
 * constant leaves behind when it passes a zero-padded convolution (docs/pipeline.md).
 */
export function borderBias(
  tape: Tape,
  x: Tensor,
  table: Tensor,
  rows: readonly number[],
  cols: readonly number[],
): Tensor {
  const { gpu } = tape;
  const [images, channels, height, width] = x.shape;
  const [tableChannels, tableRows, tableCols] = table.shape;
  if (
    rows.length !== height || cols.length !== width || tableChannels !== channels ||
    rows.some((r) => r >= tableRows) || cols.some((c) => c >= tableCols)
  ) {
    throw new UserError(
      `BorderBias: table [${table.shape}] with ${rows.length} rows and ${cols.length} columns of indices does not fit [${x.shape}]`,
    );
  }
  const shape = { images, channels, height, width, table: [tableRows, tableCols] } as const;
  const label = `[${x.shape}]`;
  const places = () => constantTable(gpu, [...rows, ...cols]);
  const y = tape.empty(x.shape);
  gpu.run(planBorder(shape), [x, table, places(), y], label);
  tape.record([x, table], y, (dy) => {
    if (tape.needs(table)) {
      const dtable = tape.target(table);
      gpu.scope((track) => {
        const perPlace = track(Tensor.empty(gpu, [channels, height, width]));
        launchSum(gpu, dy, { outer: images, channels: channels * height * width, inner: 1 }, perPlace);
        gpu.run(planBorderGrad(shape), [perPlace, places(), dtable], label);
      });
      tape.add(table, dtable);
    }
    tape.add(x, dy);
  });
  return y;
}
