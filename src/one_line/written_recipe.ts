/** A chosen recipe as YAML that a person would have written: short maps on one line, the reasons above. */
import { Document, isMap, isScalar, isSeq, type Node } from "yaml";
import type { ChosenRecipe } from "./choose_recipe.ts";

/** Keys whose maps stand on lines of their own, however short. */
const ON_LINES = new Set(["retrain"]);

/** @param recipe that of `chosen` or a copy of it with other paths */
export function writtenRecipe(recipe: ChosenRecipe["recipe"], reasons: ChosenRecipe["reasons"]): string {
  const document = new Document(recipe, { aliasDuplicateObjects: false });
  document.commentBefore = reasons.map((line) => ` ${line}`).join("\n");
  const top = document.contents as Node;
  if (isMap(top)) {
    for (const { key, value } of top.items) {
      if (!isScalar(key) || key.value !== "stages") flow(value);
      else if (isSeq(value)) { for (const stage of value.items) onLines(stage); }
    }
  }
  return document.toString({ lineWidth: 120, flowCollectionPadding: true });
}

/** A stage has a line for each key; what is in them stands in one, but for what has keys of its own worth a line. */
function onLines(stage: unknown): void {
  if (!isMap(stage)) return;
  for (const { key, value } of stage.items) {
    if (isScalar(key) && ON_LINES.has(String(key.value))) onLines(value);
    else if (isSeq(value) && value.items.every(isMap)) value.items.forEach(flow);
    else flow(value);
  }
}

function flow(value: unknown): void {
  if (isMap(value) || isSeq(value)) value.flow = true;
}
