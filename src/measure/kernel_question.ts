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

/** Bytes of the operands in f32, by name. */
export function operandsOf(question: KernelQuestion): Readonly<Record<string, number>> {
  if (question.kernel === "gemm") {
    const { m, n, k } = question;
    return { a: 4 * m * k, b: 4 * n * k, y: 4 * m * n };
  }
  const { pass, shape } = question;
  const { batch, channels, height, width, filters, kernel: [kh, kw], groups } = shape;
  const [oh, ow] = convOutput(shape);
  const x = 4 * batch * channels * height * width;
  const w = 4 * filters * (channels / groups) * kh * kw;
  const y = 4 * batch * filters * oh * ow;
  if (pass === "forward") return { x, w, y };
  return pass === "dgrad" ? { dy: y, w, dx: x } : { x, dy: y, y: w };
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

function convRequest(question: KernelQuestion & { kernel: "conv" }, tuning: Tuning): KernelRequest {
  const { pass, shape } = question;
  const [operands, macs] = [operandsOf(question), convMacs(shape)];
  switch (pass) {
    case "forward": {
      const candidates = convForwardCandidates(shape, {}, tuning);
      return { shapeClass: convForwardClass(shape), candidates, operands, macs };
    }
    case "dgrad": {
      const candidates = convDgradCandidates(shape, tuning);
      return { shapeClass: convDgradClass(shape), candidates, operands, macs };
    }
    case "wgrad": {
      const candidates = convWgradCandidates(shape, tuning);
      return { shapeClass: convWgradClass(shape), candidates, operands, macs };
    }
  }
}

function gemmRequest(question: KernelQuestion & { kernel: "gemm" }, tuning: Tuning): KernelRequest {
  const { form, m, n, k } = question;
  const shape = { m, n, k, a: form[0] === "n" ? "k" : "rows", b: form[1] === "t" ? "k" : "rows" } as const;
  return {
    shapeClass: gemmClass(shape),
    candidates: gemmCandidates(shape, tuning),
    operands: operandsOf(question),
    macs: m * n * k,
  };
}
