/** Writes the fixtures of what planners choose anew: `deno task plans`. Their diff is for a reviewer. */
import { PROFILES } from "../../kernels/device_profile.ts";
import { UNTUNED } from "../../kernels/tuning.ts";
import { chosenPlans } from "./chosen_plans.ts";
import { networkPlans, networkPlansText } from "./network_plans.ts";

const write = (name: string, text: string) => Deno.writeTextFileSync(new URL(name, import.meta.url), text);
const devices = { software: UNTUNED, desktop: { profile: PROFILES.desktop, features: ["f16", "subgroups"] as const } };
write("chosen_plans.txt", chosenPlans(devices).join("\n") + "\n");
const plans = networkPlans();
write("network_plans.txt", networkPlansText(plans));
for (const { profile, network, dispatches } of plans) console.log(`${profile}, ${network}: ${dispatches} dispatches`);
