/** Normalisation by the statistics of channels, rows, or groups of channels. */

import { groupNorm, layerNorm } from "../../tensor/ops/group_norm.ts";
import { batchNorm } from "../../tensor/ops/norm.ts";
import { batchNormAttrs, groupNormAttrs, layerNormAttrs, nodeError } from "../attrs.ts";
import { batchNormReference, groupNormReference, layerNormReference } from "../reference/norm.ts";
import { shapeText } from "../shapes.ts";
import { activation, NO_MACS, type Op, operator, optional, parameter } from "./op.ts";
import { requireChannels, requirePer } from "./shape_rules.ts";

/** Normalisations. */
export type NormOpName = "BatchNormalization" | "LayerNormalization" | "GroupNormalization";

export const NORM_OPS: Readonly<Record<NormOpName, Op>> = {
  BatchNormalization: operator({
    inputs: [activation, parameter("gamma"), parameter("beta"), parameter("mean"), parameter("variance")],
    attributes: { names: ["epsilon", "momentum"], read: batchNormAttrs },
    inference: {
      kind: "channel affine",
      affine(node, [gamma, beta, mean, variance]) {
        const { epsilon } = batchNormAttrs(node);
        return { scale: gamma.map((g, c) => g / Math.sqrt(variance[c] + epsilon)), centre: mean, shift: beta };
      },
    },
    normAxis: 1,
    macs: NO_MACS,
    shape([x, ...perChannel], _, node) {
      requireChannels(node, x);
      ["gamma", "beta", "mean", "variance"].forEach((role, i) => requirePer(node, role, perChannel[i], x[1]));
      return x;
    },
    reference: batchNormReference,
    execute({ tape, momentum, activation, residual }, [x, gamma, beta, mean, variance], attrs) {
      const options = { ...attrs, momentum: momentum ?? attrs.momentum, activation, residual };
      return batchNorm(tape, x, { gamma, beta, mean, variance }, options);
    },
  }),
  LayerNormalization: operator({
    inputs: [activation, parameter("gamma"), optional(parameter("beta"))],
    attributes: { names: ["axis", "epsilon"], read: layerNormAttrs },
    inference: { kind: "kernel" },
    normAxis: -1,
    macs: NO_MACS,
    shape([x, gamma, beta], _, node) {
      if (x.length < 2) throw nodeError(node, `input ${shapeText(x)} has no axis but the batch`);
      const length = x[x.length - 1];
      requirePer(node, "gamma", gamma, length);
      requirePer(node, "beta", beta, length);
      return x;
    },
    reference: layerNormReference,
    execute: ({ tape }, [x, gamma, beta], { epsilon }) => layerNorm(tape, x, { gamma, beta }, epsilon),
  }),
  GroupNormalization: operator({
    inputs: [activation, parameter("gamma"), parameter("beta")],
    attributes: { names: ["epsilon", "num_groups"], read: groupNormAttrs },
    inference: { kind: "kernel" },
    normAxis: 1,
    macs: NO_MACS,
    shape([x, gamma, beta], { groups }, node) {
      requireChannels(node, x);
      const channels = x[1] as number;
      if (channels % groups !== 0) throw nodeError(node, `${channels} channels can't be split into ${groups} groups`);
      requirePer(node, "gamma", gamma, channels);
      requirePer(node, "beta", beta, channels);
      return x;
    },
    reference: groupNormReference,
    execute({ tape }, [x, gamma, beta], { groups, epsilon }) {
      return groupNorm(tape, x, { gamma, beta }, groups, epsilon);
    },
  }),
};
