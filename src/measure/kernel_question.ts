/** Asks the planners about one convolution or matrix product, apart from any network. */
import { convDgradCandidates, convDgradClass } from "../../kernels/conv/dgrad.ts";
import { convForwardCandidates, convForwardClass } from "../../kernels/conv/forward.ts";
import { convMacs, convOutput, type ConvShape } from "../../kernels/conv/shape.ts";
import { convWgradCandidates, convWgradClass } from "../../kernels/conv/wgrad.ts";
import { gemmCandidates, gemmClass } from "../../kernels/gemm/plan.ts";
import type { Tuning } from "../../kernels/tuning.ts";
import type { Request } from "../tensor/ops/launch.ts";

export type ConvPass = "forward" | "dgrad" | "wgrad";
/** Says how A and B lie in memory: "n" as the product reads them, "t" transposed; B of "nt" is [n,k]. */
export type GemmForm = "nt" | "nn" | "tn";

export type KernelQuestion =
  | { readonly kernel: "conv"; readonly pass: ConvPass; readonly shape: ConvShape }
  | {
    readonly kernel: "gemm";
    readonly form: GemmForm;
    readonly m: number;
    readonly n: number;
    readonly k: number;
  };

/** This is what is asked for, whatever a kernel does inside. */
export interface KernelRequest extends Request {
  readonly macs: number;
}

/**
 * Gives the ways to do the work, with the bytes of its operands in f32.
 *
 * @throws UserError for a kernel that doesn't fit its input
 */
export function kernelRequest(question: KernelQuestion, tuning: Tuning): KernelRequest {
  return question.kernel === "conv" ? convRequest(question, tuning) : gemmRequest(question, tuning);
}

/** Names what is asked for: "gemm nt 3×5×7". */
export function questionWords(question: KernelQuestion): string {
  if (question.kernel === "gemm") {
    const { form, m, n, k } = question;
    return `gemm ${form} ${m}×${n}×${k}`;
  }
  const { pass, shape: { batch, channels, height, width, filters, kernel, stride, pads, dilation, groups } } = question;
  const more = [
    `stride ${stride.join("×")}`,
    `pads ${pads.join(",")}`,
    ...dilation.some((step) => step > 1) ? [`dilation ${dilation.join("×")}`] : [],
    ...groups > 1 ? [`${groups} groups`] : [],
  ];
  return `conv ${pass} ${batch}×${channels}×${height}×${width}, ${filters} filters ${kernel.join("×")}, ${
    more.join(", ")
  }`;
}

function convRequest({ pass, shape }: KernelQuestion & { kernel: "conv" }, tuning: Tuning): KernelRequest {
  const { batch, channels, height, width, filters, kernel: [kh, kw], groups } = shape;
  const [oh, ow] = convOutput(shape);
  const x = 4 * batch * channels * height * width;
  const w = 4 * filters * (channels / groups) * kh * kw;
  const y = 4 * batch * filters * oh * ow;
  const macs = convMacs(shape);
  switch (pass) {
    case "forward": {
      const candidates = convForwardCandidates(shape, {}, tuning);
      return { shapeClass: convForwardClass(shape), candidates, operands: { x, w, y }, macs };
    }
    case "dgrad": {
      const candidates = convDgradCandidates(shape, tuning);
      return { shapeClass: convDgradClass(shape), candidates, operands: { dy: y, w, dx: x }, macs };
    }
    case "wgrad": {
      const candidates = convWgradCandidates(shape, tuning);
      return { shapeClass: convWgradClass(shape), candidates, operands: { x, dy: y, y: w }, macs };
    }
  }
}

function gemmRequest({ form, m, n, k }: KernelQuestion & { kernel: "gemm" }, tuning: Tuning): KernelRequest {
  const shape = { m, n, k, a: form[0] === "n" ? "k" : "rows", b: form[1] === "t" ? "k" : "rows" } as const;
  return {
    shapeClass: gemmClass(shape),
    candidates: gemmCandidates(shape, tuning),
    operands: { a: 4 * m * k, b: 4 * n * k, y: 4 * m * n },
    macs: m * n * k,
  };
}
