/** Rate over arithmetic intensity, both logarithmic: the roof, and how far below it each kernel stays. */
import type { KernelTime, Roof } from "../../measure/session/types.ts";
import { type Axis, logAxis } from "../../report/charts/scale.ts";
import { plain } from "../format.ts";
import { place } from "./place.ts";
import { kernelKind } from "../kernel_kinds.ts";

const WIDTH = 320;
const HEIGHT = 200;
const MARGIN = { left: 38, right: 8, top: 8, bottom: 30 };

export function Roofline({ kernels, roof: { gflops, gbps } }: { kernels: readonly KernelTime[]; roof: Roof }) {
  const ridge = gflops / gbps;
  const x = scale(
    logAxis([ridge / 3, ridge * 3, ...kernels.map(({ intensity }) => intensity)], 5),
    MARGIN.left,
    WIDTH - MARGIN.right,
  );
  const y = scale(
    logAxis([gflops, gflops / 5, ...kernels.map((kernel) => kernel.gflops)], 5),
    HEIGHT - MARGIN.bottom,
    MARGIN.top,
  );
  const from = Math.max(x.domain[0], y.domain[0] / gbps);
  return (
    <svg
      class="roofline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={`Roofline: ${plain(gflops)} GFLOP/s above ${
        plain(ridge)
      } FLOP per byte; the table gives each kernel's share`}
    >
      {x.ticks.map((tick) => (
        <g key={tick}>
          <line class="grid" x1={x.at(tick)} x2={x.at(tick)} y1={MARGIN.top} y2={HEIGHT - MARGIN.bottom} />
          <text x={x.at(tick)} y={HEIGHT - MARGIN.bottom + 12} text-anchor="middle">{x.format(tick)}</text>
        </g>
      ))}
      {y.ticks.map((tick) => (
        <g key={tick}>
          <line class="grid" x1={MARGIN.left} x2={WIDTH - MARGIN.right} y1={y.at(tick)} y2={y.at(tick)} />
          <text x={MARGIN.left - 4} y={y.at(tick) + 3} text-anchor="end">{y.format(tick)}</text>
        </g>
      ))}
      <path
        class="roof"
        d={`M${x.at(from)},${y.at(from * gbps)}L${x.at(ridge)},${y.at(gflops)}L${WIDTH - MARGIN.right},${y.at(gflops)}`}
      />
      {kernels.map(({ family, shape, density, intensity, gflops }) => (
        <circle
          key={`${family}${shape}${density}`}
          class={`kernel ${kernelKind({ family, density })}`}
          cx={x.at(intensity)}
          cy={y.at(gflops)}
          r={4}
        >
          <title>{kernelKind({ family, density })} {shape}</title>
        </circle>
      ))}
      <text x={(WIDTH + MARGIN.left) / 2} y={HEIGHT - 4} text-anchor="middle">FLOP per byte</text>
      <text x={MARGIN.left + 4} y={MARGIN.top + 8}>GFLOP/s</text>
    </svg>
  );
}

function scale(axis: Axis, start: number, end: number) {
  return { ...axis, at: place(axis, start, end) };
}
