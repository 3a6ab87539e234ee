/** Makes an ONNX file smaller in the page that it is dropped on. */
import {
  assertEquivalent,
  compact,
  EquivalenceError,
  Gpu,
  graphCost,
  loadOnnx,
  type Model,
  onnxBytes,
  prune,
} from "secateur";

const one = <E extends Element>(selector: string) => document.querySelector<E>(selector)!;
const [keep, input] = [one<HTMLInputElement>("#keep"), one<HTMLInputElement>("#file")];
const [output, link] = [one<HTMLOutputElement>("output"), one<HTMLAnchorElement>("a")];
let file: File | undefined;
/** Counts what was asked for, so that only the last answer is shown. */
let latest = 0;

async function shrink(): Promise<void> {
  one("#part").textContent = `${keep.value} %`;
  if (!file) return;
  const asked = ++latest;
  link.hidden = true;
  output.textContent = `Reading ${file.name} …`;
  try {
    const dense = loadOnnx(new Uint8Array(await file.arrayBuffer()), file.name);
    const { model: masked, shortfall } = prune(dense, { budget: { macs: Number(keep.value) / 100, protect: 0.1 } });
    const { model: small } = compact(masked);
    const bytes = onnxBytes(small);
    const [before, after] = [graphCost(dense.graph), graphCost(small.graph)];
    const sizes = `${before.params.toLocaleString()} → ${after.params.toLocaleString()} parameters
      ${before.macs.toLocaleString()} → ${after.macs.toLocaleString()} multiply-adds
      ${shortfall ?? ""}`;
    output.textContent = sizes;
    const proof = await proveEqual(masked, small);
    // The slider may have moved, or another file come, meanwhile.
    if (asked !== latest) return;
    output.textContent = `${sizes}\n${proof}`;
    URL.revokeObjectURL(link.href);
    link.href = URL.createObjectURL(new Blob([bytes]));
    link.download = file.name.replace(/\.onnx$/i, "-small.onnx");
    link.hidden = false;
  } catch (error) {
    output.textContent = (error as Error).message;
  }
}

/**
 * Filters that are 0 give what filters that are gone give: shown on four random inputs, in a sentence.
 *
 * @throws EquivalenceError where they don't: such a file is not for use
 */
async function proveEqual(masked: Model, small: Model): Promise<string> {
  const images = 4;
  try {
    using gpu = await Gpu.open();
    const inputs = Object.fromEntries(masked.graph.inputs.map(({ name, shape }) => {
      const size = shape.map((n) => n === "N" ? images : Number(n)).reduce((product, n) => product * n, 1);
      return [name, Float32Array.from({ length: size }, () => 2 * Math.random() - 1)];
    }));
    const { maxRel } = await assertEquivalent(gpu, masked, small, inputs, images);
    return `Proved: outputs of the compact network differ by ${maxRel.toExponential(1)} of the largest at most`;
  } catch (error) {
    if (error instanceof EquivalenceError) throw error;
    return `Not proved on this device: ${(error as Error).message}`;
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
