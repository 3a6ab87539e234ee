/** Single kernels against the roofline, and what block-sparsity saves of a product of matrices. */
import type { KernelTime, Roof } from "../../measure/session/types.ts";
import { percent, plain, times } from "../../report/format.ts";
import { Roofline } from "../charts/roofline.tsx";
import { Spread } from "./spread.tsx";

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
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="kernels">
        <table>
          <thead>
            <tr>
              <th scope="col">kernel</th>
              <th scope="col">time</th>
              <th scope="col">GFLOP/s</th>
              <th scope="col">of the roof</th>
              <th scope="col">of dense time</th>
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
                  <td>{plain(Number(kernel.gflops.toPrecision(3)))}</td>
                  <td>{percent(kernel.ofRoof, 0)}</td>
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
