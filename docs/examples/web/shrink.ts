/** Makes an ONNX file smaller in the page that it is dropped on. */
import { compact, graphCost, loadOnnx, onnxBytes, prune } from "secateur";

const one = <E extends Element>(selector: string) => document.querySelector<E>(selector)!;
const [keep, input] = [one<HTMLInputElement>("#keep"), one<HTMLInputElement>("#file")];
const [output, link] = [one<HTMLOutputElement>("output"), one<HTMLAnchorElement>("a")];
let file: File | undefined;

async function shrink(): Promise<void> {
  one("#part").textContent = `${keep.value} %`;
  if (!file) return;
  link.hidden = true;
  output.textContent = `Reading ${file.name} …`;
  try {
    const dense = loadOnnx(new Uint8Array(await file.arrayBuffer()), file.name);
    const { model: masked, shortfall } = prune(dense, { budget: { macs: Number(keep.value) / 100, protect: 0.1 } });
    const { model: small } = compact(masked);
    const bytes = onnxBytes(small);
    const [before, after] = [graphCost(dense.graph), graphCost(small.graph)];
    output.textContent = `${before.params.toLocaleString()} → ${after.params.toLocaleString()} parameters
      ${before.macs.toLocaleString()} → ${after.macs.toLocaleString()} multiply-adds
      ${shortfall ?? ""}`;
    URL.revokeObjectURL(link.href);
    link.href = URL.createObjectURL(new Blob([bytes]));
    link.download = file.name.replace(/\.onnx$/i, "-small.onnx");
    link.hidden = false;
  } catch (error) {
    output.textContent = (error as Error).message;
  }
}

function take(given: File | undefined): void {
  file = given ?? file;
  void shrink();
}

keep.addEventListener("change", () => void shrink());
input.addEventListener("change", () => take(input.files?.[0]));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  take(event.dataTransfer?.files[0]);
});
void shrink();
