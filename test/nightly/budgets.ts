/**
 * Budgets of half of the multiply-adds, by every criterion that looks at weights, on networks of CIFAR's size: a line for each.
 * Fails where a network costs more than was asked, or less by more than one coupled group. Names of networks as arguments: only these.
 */
import { COUPLED_GROUP, missOf, WEIGHT_CRITERIA, WITHIN } from "../prune/budget_reach.ts";

const NETWORKS = ["resnet20", "mobilenetv2-cifar", "densenet40", "convnext-cifar", "deit-cifar"];

let failed = false;
for (const network of Deno.args.length > 0 ? Deno.args : NETWORKS) {
  for (const criterion of WEIGHT_CRITERIA) {
    const miss = missOf(network, criterion, 0.5);
    const refused = typeof miss === "string";
    const verdict = refused
      ? `refused: ${miss.slice(0, 120)}`
      : miss >= 0 && miss <= WITHIN
      ? "reached"
      : miss > 0 && miss <= COUPLED_GROUP
      ? "within a coupled group"
      : "MISSED";
    failed ||= verdict === "MISSED";
    console.log(`${network}  ${criterion}  ${refused ? "–" : (0.5 - miss).toFixed(4)}  ${verdict}`);
  }
}
Deno.exit(failed ? 1 : 0);
