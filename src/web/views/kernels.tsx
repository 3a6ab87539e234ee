/** Single kernels against the roofline, and what block-sparsity saves of a product of matrices. */
import type { KernelTime, Roof } from "../../measure/session/types.ts";
import { percent, plain, times } from "../../report/format.ts";
import { Roofline } from "../charts/roofline.tsx";
import { Spread } from "./spread.tsx";

const FAMILIES: readonly KernelTime["family"][] = ["gemm", "conv", "block-sparse"];

export function Kernels({ kernels, roof }: { kernels: readonly KernelTime[]; roof?: Roof }) {
  const dense = (kernel: KernelTime) =>
    kernels.find(({ family, shape, density }) => family === "block-sparse" && shape === kernel.shape && density === 1);
  return (
    <section class="card" aria-labelledby="kernels">
      <h2 id="kernels">Kernels</h2>
      {roof && (
        <p>
          At most {plain(roof.gflops)} GFLOP/s and {plain(roof.gbps)}{" "}
          GB/s here, as micro-kernels that do nothing else found.
        </p>
      )}
      {roof && <Roofline kernels={kernels} roof={roof} />}
      {roof && (
        <ul class="legend" aria-hidden="true">
          {FAMILIES.map((family) => <li key={family} class={family}>{family}</li>)}
        </ul>
      )}
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="kernels">
        <table>
          <thead>
            <tr>
              <th scope="col">kernel</th>
              <th scope="col">time</th>
              <th scope="col">
                GFLOP/s<small>of the roof</small>
              </th>
              <th scope="col">of dense</th>
            </tr>
          </thead>
          <tbody>
            {kernels.map((kernel) => {
              const whole = dense(kernel);
              return (
                <tr key={`${kernel.family}/${kernel.shape}/${kernel.density}`}>
                  <th scope="row">
                    {kernel.family}
                    <small>{kernel.shape}{kernel.density < 1 && `, ${percent(kernel.density, 0)} of blocks`}</small>
                  </th>
                  <td>
                    <Spread ms={kernel.medianMs} spreadMs={kernel.madMs} />
                  </td>
                  <td>
                    {plain(Number(kernel.gflops.toPrecision(3)))}
                    <small>{percent(kernel.ofRoof, 0)}</small>
                  </td>
                  <td>{whole && kernel.density < 1 ? times(kernel.medianMs / whole.medianMs) : "–"}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}
