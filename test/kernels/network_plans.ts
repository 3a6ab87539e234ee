/** What known networks and training steps dispatch on each kind of device, as text that a reviewer reads. */
import { type ProfileName, PROFILES } from "../../kernels/device_profile.ts";
import { type Call, callsOf, describeCall } from "../../bench/compiler/calls.ts";
import { workloads } from "../../bench/compiler/workloads.ts";

export interface NetworkPlan {
  readonly profile: ProfileName;
  readonly network: string;
  readonly dispatches: number;
  /** Copies and clears of buffers between the dispatches. */
  readonly copies: number;
  /** A line for each layer or step, equal ones counted: "4× shapes (way): kernel waves, kernel dispatches×waves". */
  readonly lines: readonly string[];
  readonly calls: readonly Call[];
}

/** Of the networks and training steps, not of the single products. */
export function networkPlans(): NetworkPlan[] {
  const networks = workloads().filter(({ kind }) => kind !== "products");
  return Object.values(PROFILES).flatMap((profile) =>
    networks.map(({ name, record }) => {
      const { dispatches, copies } = record(profile, profile.name === "software" ? [] : ["subgroups"]);
      const calls = callsOf(dispatches);
      return {
        profile: profile.name,
        network: name,
        dispatches: dispatches.length,
        copies,
        lines: calls.map((call) => `${call.times}× ${describeCall(call)}`),
        calls,
      };
    })
  );
}

/** One paragraph for each profile and network. */
export function networkPlansText(plans: readonly NetworkPlan[]): string {
  return plans.map(({ profile, network, dispatches, copies, lines }) =>
    [`${profile}, ${network}: ${dispatches} dispatches, ${copies} copies`, ...lines.map((line) => `  ${line}`)].join(
      "\n",
    )
  ).join("\n\n") + "\n";
}
