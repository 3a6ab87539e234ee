/** The contestants in a page, told apart by name. Everything goes in and out as JSON. */
import { openDevice } from "../../../src/gpu/adapter.ts";
import type { Forward } from "./contestant.ts";
import { ortWasmForward, ortWebgpuForward } from "./ort.ts";
import { inferenceProblem } from "./problem.ts";
import { secateurForward } from "./secateur.ts";
import { tfjsForward } from "./tfjs.ts";

export type Name = keyof typeof OPEN;

export type Call =
  | { readonly do: "open"; readonly name: Name; readonly batch: number; readonly seed: number }
  | { readonly do: "output"; readonly name: Name }
  | { readonly do: "sample"; readonly name: Name; readonly calls: number }
  | { readonly do: "adapter" };

const OPEN = {
  secateur: secateurForward,
  "tfjs-webgpu": tfjsForward,
  "onnxruntime-web webgpu": ortWebgpuForward,
  "onnxruntime-web wasm": ortWasmForward,
} as const;

const opened = new Map<Name, Forward>();

export default async function answer(call: Call): Promise<unknown> {
  switch (call.do) {
    case "open":
      opened.set(call.name, await OPEN[call.name](inferenceProblem(call.batch, call.seed)));
      return null;
    case "output":
      return [...await opened.get(call.name)!.run(1)];
    case "sample": {
      const start = performance.now();
      await opened.get(call.name)!.run(call.calls);
      return performance.now() - start;
    }
    case "adapter":
      return (await openDevice({})).info;
  }
}
