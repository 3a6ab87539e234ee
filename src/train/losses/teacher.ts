import { show, UserError } from "../../errors.ts";
import type { Model } from "../../graph/types.ts";

/** @throws UserError where the network that `loss` learns from is no model */
export function requireTeacher(loss: string, teacher: Model | undefined): void {
  if (teacher?.graph && teacher.params) return;
  throw new UserError(`${loss} needs a teacher: a trained model, { graph, params }; got ${show(teacher)}`);
}
