/** Where the time goes: the steps of each network, dense above pruned, on one scale. */
import { atOnce } from "../../measure/session/at_once.ts";
import type { LayerTime } from "../../measure/session/types.ts";
import { milliseconds, short } from "../format.ts";
import { Timeline } from "../charts/timeline.tsx";

export function Layers({ layers }: { layers: readonly LayerTime[] }) {
  const groups = Map.groupBy(layers, ({ network, batch }) => `${network}, ${atOnce(batch)}`);
  return (
    <section class="card" aria-labelledby="layers">
      <h2 id="layers">Layer by layer</h2>
      {[...groups].map(([title, steps]) => {
        const dense = steps.filter(({ variant }) => variant === "dense");
        const pruned = steps.filter(({ variant }) => variant === "pruned");
        const longest = Math.max(
          ...[dense, pruned].map((list) => list.reduce((sum, { medianMs }) => sum + medianMs, 0)),
        );
        return (
          <details key={title}>
            <summary>{title}</summary>
            {dense.length > 0 && <Timeline label="dense" steps={dense} longestMs={longest} />}
            {pruned.length > 0 && <Timeline label="pruned" steps={pruned} longestMs={longest} />}
            <LayerTable dense={dense} pruned={pruned} title={title} />
          </details>
        );
      })}
    </section>
  );
}

interface TableProps {
  readonly title: string;
  readonly dense: readonly LayerTime[];
  readonly pruned: readonly LayerTime[];
}

function LayerTable({ title, dense, pruned }: TableProps) {
  const names = [...new Set([...dense, ...pruned].map(({ layer }) => layer))];
  const of = (list: readonly LayerTime[], name: string) => list.find(({ layer }) => layer === name);
  const cells = (step: LayerTime | undefined) => [
    <td key="ms">{step ? milliseconds(step.medianMs) : "–"}</td>,
    <td key="macs">{step ? short(step.macs) : "–"}</td>,
  ];
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={`Layers of ${title}`}>
      <table>
        <thead>
          <tr>
            <th scope="col">layer</th>
            <th scope="col">dense ms</th>
            <th scope="col">MACs</th>
            <th scope="col">pruned ms</th>
            <th scope="col">MACs</th>
          </tr>
        </thead>
        <tbody>
          {names.map((name) => (
            <tr key={name}>
              <th scope="row">
                {name}
                <small>{(of(dense, name) ?? of(pruned, name))!.op}</small>
              </th>
              {cells(of(dense, name))}
              {cells(of(pruned, name))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
