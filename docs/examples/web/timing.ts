/** An element that times the network of its `src`, dense and with the part `macs` of its multiply-adds, where the page is opened. */
import { compact, compilePlan, Gpu, graphCost, loadOnnx, measureInterleaved, prune, Tensor } from "secateur";

class SecateurTiming extends HTMLElement {
  connectedCallback(): void {
    this.innerHTML = `<button type="button">Measure</button><p role="status"></p>`;
    const [button, status] = [this.querySelector("button")!, this.querySelector("p")!];
    button.addEventListener("click", async () => {
      button.disabled = true;
      status.textContent = "Measuring …";
      status.textContent = await this.measure().catch((error: Error) => error.message);
      button.disabled = false;
    });
  }

  private async measure(): Promise<string> {
    const src = this.getAttribute("src") ?? "";
    const response = await fetch(src);
    if (!response.ok) throw new Error(`${src}: the server answers ${response.status}`);
    const dense = loadOnnx(new Uint8Array(await response.arrayBuffer()), src);
    const { model: masked } = prune(dense, {
      budget: { macs: Number(this.getAttribute("macs") ?? 0.5), protect: 0.1 },
    });
    const networks = [dense, compact(masked).model];
    using gpu = await Gpu.open();
    using input = Tensor.zeros(gpu, dense.graph.inputs[0]!.shape.map((size) => size === "N" ? 1 : Number(size)));
    const contestants = networks.map((model, i) => {
      const plan = compilePlan(gpu, model, 1);
      return { name: ["as trained", "pruned"][i]!, record: () => plan.run(input) };
    });
    const [before, after] = await measureInterleaved(gpu, contestants);
    const [many, few] = networks.map(({ graph }) => graphCost(graph).macs);
    return `${before!.medianMs.toFixed(2)} ms as trained, ${after!.medianMs.toFixed(2)} ms pruned: ` +
      `${(before!.medianMs / after!.medianMs).toFixed(2)} times as fast with ${
        (many! / few!).toFixed(2)
      } times fewer ` +
      `multiply-adds, on ${gpu.info.description || gpu.info.vendor}`;
  }
}

customElements.define("secateur-timing", SecateurTiming);
