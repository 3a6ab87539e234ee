/** Callbacks by name. */
import { UserError } from "../../errors.ts";
import { choose } from "../../validation/choice.ts";
import type { Callback } from "../types.ts";
import { bestEpoch } from "./best_epoch.ts";
import { nanGuard } from "./nan_guard.ts";

/** Those that need nothing more than a name; the others are made by their functions. */
const CALLBACKS: Readonly<Record<CallbackName, () => Callback>> = {
  "best-epoch": bestEpoch,
  "nan-guard": nanGuard,
};

/** Callbacks that a name alone makes. */
export type CallbackName = "best-epoch" | "nan-guard";

/** @throws UserError for an unknown name, or two callbacks of one name */
export function callbacksOf(list: readonly (Callback | CallbackName)[]): readonly Callback[] {
  const callbacks = list.map((entry) => typeof entry === "string" ? choose("callback", entry, CALLBACKS)() : entry);
  const names = callbacks.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw new UserError(`train: two callbacks are called "${twice}", expected each name once`);
  return callbacks;
}
