/** How NSGA-II makes children: uniform crossover of two parents' choices, and mutation of each by its kind. */
import { countOf, type Dimension, nthValue, positionOf, type Space } from "../space.ts";
import type { Choices, Value } from "../trial.ts";

/** A sequence of random numbers in [0, 1). */
export type Uniform = () => number;

/** Of two parents their choices are mixed, else both are copied. */
const CROSSOVER = 0.9;
/**
 * η of polynomial mutation: the larger, the nearer a child's number is to its parent's. The paper's 20 is for thousands
 * of trials; in sweeps of 100 to 500 they came further with 5 (test/sweep/nsga2.test.ts has the functions).
 */
const DISTRIBUTION = 5;

/** Two children, of which each choice comes from either parent, the other child's from the other one; not yet mutated. */
export function crossed(a: Choices, b: Choices, uniform: Uniform): [Choices, Choices] {
  if (uniform() >= CROSSOVER) return [a, b];
  const swapped = new Set(Object.keys(a).filter(() => uniform() < 0.5));
  const mixed = (own: Choices, other: Choices) =>
    Object.fromEntries(Object.keys(own).map((name) => [name, (swapped.has(name) ? other : own)[name]]));
  return [mixed(a, b), mixed(b, a)];
}

/** Changes each of n choices with probability 1/n. */
export function mutated(space: Space, choices: Choices, uniform: Uniform): Choices {
  const names = Object.keys(space);
  return Object.fromEntries(names.map((name) => {
    const value = choices[name];
    return [name, uniform() * names.length < 1 ? mutatedValue(space[name], value, uniform()) : value];
  }));
}

/**
 * Of a choice any other one, each as likely; of a range a number near the value, for whole ones at least a step away. On
 * a logarithmic range near means by the logarithm.
 *
 * @param u in [0, 1)
 */
export function mutatedValue(dimension: Dimension, value: Value, u: number): Value {
  if (dimension.kind === "choice") {
    const others = dimension.values.filter((other) => other !== value);
    return others[Math.floor(u * others.length)] ?? value;
  }
  const { from, to, scale } = dimension;
  const position = polynomialMutation(positionOf(dimension, value), u, DISTRIBUTION);
  const number = scale === "log" ? from * (to / from) ** position : from + (to - from) * position;
  if (dimension.kind === "real") return Math.min(to, Math.max(from, number));
  const at = ((value as number) - from) / dimension.step;
  const near = Math.round((number - from) / dimension.step);
  const other = near === at ? at + (u < 0.5 ? -1 : 1) : near;
  // At an end of the range the only step away is the other way.
  const place = [other, 2 * at - other].find((index) => index >= 0 && index < countOf(dimension));
  return place === undefined ? value : nthValue(dimension, place);
}

/**
 * Polynomial mutation within [0, 1] (Deb, Goyal 1996; with bounds as in Deb's program of NSGA-II): x + δ with
 *
 *     δ = (2u + (1 − 2u)·(1 − x)^(η+1))^(1/(η+1)) − 1          for u < ½
 *     δ = 1 − (2(1 − u) + (2u − 1)·x^(η+1))^(1/(η+1))          else
 *
 * so that u = 0, ½ and 1 give 0, x and 1.
 */
export function polynomialMutation(x: number, u: number, eta: number): number {
  const power = eta + 1;
  if (u < 0.5) return x + (2 * u + (1 - 2 * u) * (1 - x) ** power) ** (1 / power) - 1;
  return x + 1 - (2 * (1 - u) + (2 * u - 1) * x ** power) ** (1 / power);
}
