import { diagnosis } from "../state/app.ts";

export function NoGpu() {
  const found = diagnosis.value;
  if (!found) return null;
  return (
    <section class="note warn" aria-label="No WebGPU">
      <p>
        <strong>{found.headline}</strong>
      </p>
      <ul>{found.remedies.map((remedy) => <li key={remedy}>{remedy}</li>)}</ul>
      <p>
        Until then the same layers can be timed on what this browser has. Those times say what pruning buys{" "}
        <em>there</em>, and little about WebGPU.
      </p>
    </section>
  );
}
