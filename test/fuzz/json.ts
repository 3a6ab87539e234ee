/** Damage inside of values of JSON: recipes, devices' records, plans. */
import { type Draws, HUGE, NAMES } from "./draws.ts";

export type Value = null | boolean | number | string | Value[] | { [key: string]: Value };

/**
 * A copy with 1 to 3 values changed, taken out, doubled, exchanged or nested, and keys renamed; or with other texts and numbers
 * alone, so that more of them are what they should be.
 */
export function mutateValue(value: Value, dice: Draws): Value {
  let changed = structuredClone(value);
  if (dice.once(2)) return mutateLeaves(changed, dice);
  for (let changes = 1 + dice.below(3); changes > 0; changes--) changed = mutateOnce(changed, dice);
  return changed;
}

/** Changes one in forty of the texts and numbers, and nothing else. */
function mutateLeaves(value: Value, dice: Draws): Value {
  if (typeof value === "object" && value !== null) {
    const holder = value as { [key: string]: Value };
    for (const key of Object.keys(value)) set(holder, key, mutateLeaves(holder[key], dice));
    return value;
  }
  if (!dice.once(40)) return value;
  if (typeof value === "number") return dice.pick([value + 1, value / 2, 1, dice.pick(HUGE)]);
  return typeof value === "string" ? dice.pick([...NAMES, value + dice.pick(NAMES)]) : value;
}

function mutateOnce(value: Value, dice: Draws): Value {
  const inner = typeof value === "object" && value !== null ? Object.keys(value) : [];
  if (inner.length === 0 || dice.once(6)) return replaced(value, dice);
  const holder = value as { [key: string]: Value };
  const key = dice.pick(inner);
  if (!dice.once(4)) {
    holder[key] = mutateOnce(holder[key], dice);
    return value;
  }
  switch (dice.below(4)) {
    case 0:
      if (Array.isArray(value)) value.splice(Number(key), 1);
      else delete holder[key];
      break;
    case 1:
      if (Array.isArray(value)) value.push(...Array<Value>(dice.pick([1, 5, 3000])).fill(value[Number(key)]));
      else set(holder, dice.pick([...NAMES, `${key}s`, key.toUpperCase()]), holder[key]);
      break;
    case 2: {
      const other = dice.pick(inner);
      const [one, another] = [holder[key], holder[other]];
      set(holder, key, another);
      set(holder, other, one);
      break;
    }
    default:
      holder[key] = deep(holder[key], dice.pick([1, 3, 200]));
  }
  return value;
}

/** As JSON does it: "__proto__" is a key as any other. */
function set(holder: { [key: string]: Value }, key: string, value: Value): void {
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
}

function deep(value: Value, levels: number): Value {
  let made = value;
  for (let i = 0; i < levels; i++) made = i % 2 === 0 ? [made] : { a: made };
  return made;
}

function replaced(value: Value, dice: Draws): Value {
  return dice.pick<Value>([
    null,
    true,
    [],
    {},
    dice.pick(HUGE),
    -dice.pick(HUGE),
    dice.pick(NAMES),
    "x".repeat(dice.pick([1, 500, 20_000])),
    JSON.stringify(value).slice(0, 100),
    typeof value === "number" ? value * 2 : [value],
  ]);
}
