/** Rate over arithmetic intensity, both logarithmic: the roof, and how far below it each kernel stays. */
import type { KernelTime, Roof } from "../../measure/session/types.ts";
import { plain } from "../../report/format.ts";

const WIDTH = 320;
const HEIGHT = 200;
const MARGIN = { left: 38, right: 8, top: 8, bottom: 30 };

export function Roofline({ kernels, roof: { gflops, gbps } }: { kernels: readonly KernelTime[]; roof: Roof }) {
  const ridge = gflops / gbps;
  const intensities = kernels.map(({ intensity }) => intensity);
  const x = logScale(
    Math.min(ridge, ...intensities) / 3,
    Math.max(ridge, ...intensities) * 3,
    MARGIN.left,
    WIDTH - MARGIN.right,
  );
  const lowest = Math.min(...kernels.map((kernel) => kernel.gflops), gflops) / 3;
  const y = logScale(lowest, gflops * 2, HEIGHT - MARGIN.bottom, MARGIN.top);
  const from = Math.max(x.from, lowest / gbps);
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
          <text x={x.at(tick)} y={HEIGHT - MARGIN.bottom + 12} text-anchor="middle">{plain(tick)}</text>
        </g>
      ))}
      {y.ticks.map((tick) => (
        <g key={tick}>
          <line class="grid" x1={MARGIN.left} x2={WIDTH - MARGIN.right} y1={y.at(tick)} y2={y.at(tick)} />
          <text x={MARGIN.left - 4} y={y.at(tick) + 3} text-anchor="end">{plain(tick)}</text>
        </g>
      ))}
      <path
        class="roof"
        d={`M${x.at(from)},${y.at(from * gbps)}L${x.at(ridge)},${y.at(gflops)}L${WIDTH - MARGIN.right},${y.at(gflops)}`}
      />
      {kernels.map(({ family, shape, density, intensity, gflops }) => (
        <circle
          key={`${family}${shape}${density}`}
          class={`kernel ${family}`}
          cx={x.at(intensity)}
          cy={y.at(gflops)}
          r={4}
        >
          <title>{family} {shape}</title>
        </circle>
      ))}
      <text x={(WIDTH + MARGIN.left) / 2} y={HEIGHT - 4} text-anchor="middle">FLOP per byte</text>
      <text x={MARGIN.left + 4} y={MARGIN.top + 8}>GFLOP/s</text>
    </svg>
  );
}

function logScale(from: number, to: number, start: number, end: number) {
  const [low, high] = [Math.log10(from), Math.log10(to)];
  const ticks: number[] = [];
  for (let power = Math.ceil(low); power <= high; power++) ticks.push(10 ** power);
  return { from, ticks, at: (value: number) => start + (Math.log10(value) - low) / (high - low) * (end - start) };
}
