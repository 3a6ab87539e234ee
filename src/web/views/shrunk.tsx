/** The smaller network: what it has, what was proved and measured of it, and its file. */
import type { ComponentChildren } from "preact";
import type { Row } from "../../measure/session/types.ts";
import { speedOf } from "../../report/devices/speedups.ts";
import { bytes, count, duration, milliSpread, percent, plain, times } from "../format.ts";
import type { ShrunkNetwork } from "../shrink/types.ts";
import { flow } from "../state/shrink.ts";
import { Sizes } from "./shrink_preview.tsx";

export function Shrunk() {
  const { shrunk, rows } = flow.value;
  if (!shrunk) return null;
  const { before, after, fileBytes, proof, notes, seconds } = shrunk;
  return (
    <section class="card" aria-labelledby="shrunk">
      <h2 id="shrunk">The smaller network</h2>
      <Sizes caption={`Made in ${duration(seconds)}`} before={before} after={after} />
      <dl>
        <Fact name="proof">
          {count(proof.inputs)} inputs: differs from the pruned network of the old shapes by {plain(proof.maxRel)}{" "}
          of the largest output at most, which is rounding
        </Fact>
        <Judged {...shrunk.judged} />
        <Fact name="one image">{rows ? <Speed rows={rows} /> : "being timed …"}</Fact>
        <Fact name="file">{bytes(fileBytes.after)}, from {bytes(fileBytes.before)}</Fact>
      </dl>
      {notes.map((note) => <p key={note} class="note warn">{note}</p>)}
    </section>
  );
}

function Judged({ images, loss, agreement }: ShrunkNetwork["judged"]) {
  const off = `outputs are off by ${percent(loss, 1)} of how much they vary`;
  return (
    <Fact name={`${count(images)} images`}>
      {agreement === undefined ? off : `${percent(agreement, 1)} keep their largest output; ${off}`}
    </Fact>
  );
}

function Speed({ rows }: { rows: readonly Row[] }) {
  const [row] = rows;
  const pair = row && speedOf(rows, row.network, row.batch);
  const failed = rows.find(({ medianMs }) => medianMs === undefined);
  if (!pair || failed) return <span class="odd">{failed?.reason ?? failed?.doubt ?? "not timed"}</span>;
  const { dense, pruned, ratio } = pair;
  return (
    <>
      {milliSpread(dense.medianMs!, dense.madMs ?? 0)} before, {milliSpread(pruned.medianMs!, pruned.madMs ?? 0)} after
      {ratio !== undefined && <strong>: {times(ratio)} as fast</strong>}
      {(dense.doubt ?? pruned.doubt) && <small class="odd">{dense.doubt ?? pruned.doubt}</small>}
    </>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
