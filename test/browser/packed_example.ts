/** README's example as a user of the packed library runs it, and ONNX Runtime's word on what comes of it. */
import * as assert from "uvu/assert";
import { onnxBytes } from "../../src/formats/onnx/export.ts";
import { loadOnnx } from "../../src/formats/onnx/import.ts";
import { graphCost } from "../../src/graph/cost.ts";
import { initialise } from "../../src/graph/initialise.ts";
import type { Graph } from "../../src/graph/types.ts";
import { createModel } from "../../src/models/zoo.ts";
import { createProject, type Project, readmeExample } from "../library/project.ts";
import { runtime } from "./judges.ts";

const root = `${import.meta.dirname}/../..`;
/** Of the digits, drawn twice as large: a ResNet-18 makes them 8 times smaller, and 3×3 kernels want something to read. */
export const SIZE = 16;
/** The names of torchvision's ResNet-18, an eighth as wide. */
export const resnet18 = () => createModel("resnet18-cifar", { width: 0.125, inChannels: 1, size: SIZE });

/** A project with the packed library, in which use.ts calls the example. */
export async function exampleProject(): Promise<Project> {
  const project = await createProject();
  writeExample(project);
  return project;
}

/** Puts README's example into a project, and use.ts, which calls it. */
export function writeExample(project: Project): void {
  project.write("halve.ts", readmeExample());
  project.write("use.ts", USE);
}

/** Calls it with the digits; gives the file and what the small network makes of 16 test images. */
const USE = `
import { Gpu, compilePlan, digitsSplits, batches, Tensor } from "secateur";
import type { Dataset } from "secateur";
import { halve } from "./halve.ts";
const twice = (data: Dataset): Dataset => {
  const images = new Uint8Array(data.count * 256);
  for (let i = 0; i < images.length; i++) {
    const [n, y, x] = [i >> 8, (i >> 5) & 7, (i >> 1) & 7];
    images[i] = data.images[n * 64 + y * 8 + x];
  }
  return { ...data, shape: [1, 16, 16], images };
};
export default async function use({ onnx, digits }: { onnx: string; digits: string }) {
  const bytes = (text: string) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const { train, test } = await digitsSplits(bytes(digits), { limit: 128 });
  const { small, file } = await halve(bytes(onnx), twice(train));
  using gpu = await Gpu.open();
  const { value: { images } } = await batches(twice(test), { batch: 16 }).next();
  const outputs = await compilePlan(gpu, small, 16).run(Tensor.from(gpu, images, [16, 1, 16, 16])).read();
  return { file: btoa([...file].map((byte) => String.fromCharCode(byte)).join("")), images: [...images], outputs: [...outputs] };
}
`;

export interface Used {
  readonly file: string;
  readonly images: readonly number[];
  readonly outputs: readonly number[];
}

/** What use.ts is called with. */
export const argument = (graph: Graph) => ({
  onnx: onnxBytes({ graph, params: initialise(graph, 1) }).toBase64(),
  digits: Deno.readFileSync(`${root}/src/data/digits/digits.csv.gz`).toBase64(),
});

/** What the example makes of `graph` in Deno. */
export async function inDeno(project: Project, graph: Graph): Promise<Used> {
  project.write("argument.json", JSON.stringify(argument(graph)));
  project.write(
    "main.ts",
    `import use from "./use.ts";
    console.log("RESULT" + JSON.stringify(await use(JSON.parse(Deno.readTextFileSync("argument.json")))));`,
  );
  const { ok, text } = await project.run("main.ts");
  assert.ok(ok, text);
  return JSON.parse(text.slice(text.indexOf("RESULT") + "RESULT".length).split("\n")[0]);
}

/** Half the multiply-adds, and in ONNX Runtime the outputs that the library gave. */
export async function judge(graph: Graph, { file, images, outputs }: Used): Promise<void> {
  const bytes = Uint8Array.fromBase64(file);
  const part = graphCost(loadOnnx(bytes, "half.onnx").graph).macs / graphCost(graph).macs;
  assert.ok(part <= 0.5 && part > 0.45, `${part} of the multiply-adds`);
  const judged = await runtime(bytes, { shape: [16, 1, SIZE, SIZE], data: Float32Array.from(images) });
  assert.is(judged.length, 160);
  const largest = Math.max(...judged.map(Math.abs));
  assert.ok(largest > 0.1, `outputs of at most ${largest}`);
  judged.forEach((value, i) => {
    assert.ok(Math.abs(value - outputs[i]) <= 1e-5 * largest, `${i}: ${value} in ONNX Runtime, ${outputs[i]} here`);
  });
}
