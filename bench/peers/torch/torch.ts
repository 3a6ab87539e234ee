/** PyTorch on the processor, as a process of its own that answers line by line. */
import type { Problem } from "../../problem.ts";
import { LEARNING_RATE, MOMENTUM } from "../../problem.ts";
import { BATCH, CHANNELS, SIDE } from "../../resnet/problem.ts";

export interface Torch {
  readonly version: string;
  /** Threads that it computes with. */
  readonly threads: number;
  ask(command: "losses" | "train" | "logits" | "forward", count: number): Promise<number[]>;
  close(): Promise<void>;
}

/** Debian's package belongs to the system's own Python, which need not be the first on the path. */
const PYTHONS = ["python3", "/usr/bin/python3"];

/** The Python that has PyTorch; undefined where none has. */
export async function findTorch(): Promise<string | undefined> {
  for (const python of PYTHONS) {
    try {
      const { success } = await new Deno.Command(python, { args: ["-c", "import torch"], stderr: "null" }).output();
      if (success) return python;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

export async function startTorch(python: string, { model, batches }: Problem): Promise<Torch> {
  const file = await Deno.makeTempFile({ suffix: ".bin" });
  const params = [...model.params].map(([name, { shape, data }]) => ({ name, shape, data }));
  const numbers = [
    ...params.map(({ data }) => data),
    ...batches.flatMap(({ images, labels }) => [images, Float32Array.from(labels)]),
  ];
  await Deno.writeFile(file, new Uint8Array(await new Blob(numbers as Float32Array<ArrayBuffer>[]).arrayBuffer()));
  const child = new Deno.Command(python, {
    args: [`${import.meta.dirname}/resnet20.py`, file],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(lineStream()).getReader();
  const say = async (message: unknown) => await writer.write(new TextEncoder().encode(JSON.stringify(message) + "\n"));
  const hear = async () => {
    const { value, done } = await lines.read();
    if (done) throw new Error("its process ended without an answer");
    return JSON.parse(value);
  };
  await say({
    params: params.map(({ name, shape }) => ({ name, shape })),
    batches: batches.length,
    images: [BATCH, CHANNELS, SIDE, SIDE],
    lr: LEARNING_RATE,
    momentum: MOMENTUM,
  });
  const { version, threads } = await hear();
  return {
    version,
    threads,
    async ask(command, count) {
      await say({ do: command, count });
      return await hear();
    },
    async close() {
      await writer.close();
      await child.status;
      await Deno.remove(file);
    },
  };
}

function lineStream(): TransformStream<string, string> {
  let rest = "";
  return new TransformStream({
    transform(chunk, controller) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      for (const line of lines) controller.enqueue(line);
    },
  });
}
