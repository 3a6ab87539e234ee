/** Single kernels against the roofline, and what block-sparsity saves of a product of matrices. */
import type { KernelTime, Roof } from "../../measure/session/types.ts";
import { percent, plain, times } from "../format.ts";
import { Roofline } from "../charts/roofline.tsx";
import { denseOf, KERNEL_KINDS, kernelKind } from "../kernel_kinds.ts";
import { Spread } from "./spread.tsx";

export function Kernels({ kernels, roof }: { kernels: readonly KernelTime[]; roof?: Roof }) {
  return (
    <section class="card" aria-labelledby="kernels">
      <h2 id="kernels">Kernels</h2>
      {roof && (
        <p>
          At most {plain(roof.gflops)}&nbsp;GFLOP/s and{" "}
          {plain(roof.gbps)}&nbsp;GB/s here, as micro-kernels that do nothing else found.
        </p>
      )}
      {roof && <Roofline kernels={kernels} roof={roof} />}
      {roof && (
        <ul class="legend" aria-hidden="true">
          {KERNEL_KINDS.map((kind) => <li key={kind} class={kind}>{kind}</li>)}
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
            </tr>
          </thead>
          <tbody>
            {kernels.map((kernel) => {
              const dense = denseOf(kernels, kernel);
              const how = kernel.family === "block-sparse" && !dense ? ", weights packed before" : "";
              return (
                <tr key={`${kernel.family}/${kernel.shape}/${kernel.density}`}>
                  <th scope="row">
                    {kernelKind(kernel)}
                    <small>
                      {kernel.shape}
                      {how}
                      {kernel.density < 1 && `, ${percent(kernel.density, 0)} of blocks`}
                    </small>
                  </th>
                  <td>
                    <Spread ms={kernel.medianMs} spreadMs={kernel.madMs} />
                    {dense && <small>{times(dense.medianMs / kernel.medianMs)} as fast as dense</small>}
                  </td>
                  <td>
                    {plain(Number(kernel.gflops.toPrecision(3)))}
                    <small>{percent(kernel.ofRoof, 0)}</small>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}
