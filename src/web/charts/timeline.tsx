/** One pass through a network as a row of steps, each as wide as it takes. */
import type { LayerTime } from "../../measure/session/types.ts";
import { milliseconds } from "../format.ts";

export interface TimelineProps {
  readonly label: string;
  readonly steps: readonly LayerTime[];
  /** The whole width, so that two networks share a scale. */
  readonly longestMs: number;
}

const WIDTH = 320;
const HEIGHT = 26;

export function Timeline({ label, steps, longestMs }: TimelineProps) {
  const total = steps.reduce((sum, { medianMs }) => sum + medianMs, 0);
  let x = 0;
  return (
    <figure class="timeline">
      <figcaption>{label}: {milliseconds(total)}&nbsp;ms in {steps.length} steps</figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {steps.map(({ layer, medianMs, macs }, i) => {
          const width = WIDTH * medianMs / longestMs;
          const at = x;
          x += width;
          return (
            <rect
              key={layer}
              class={`step tone-${macs > 0 ? i % 2 : 2}`}
              x={at}
              y={1}
              width={Math.max(0.3, width - 0.4)}
              height={HEIGHT - 2}
            >
              <title>{layer}: {milliseconds(medianMs)} ms</title>
            </rect>
          );
        })}
      </svg>
    </figure>
  );
}
