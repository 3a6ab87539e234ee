/** Which backend computes in WebGPU's place: the first one that this browser has and that computes right. */
import { reasonOf } from "../../measure/session/reason.ts";
import type { SelfTest } from "../../measure/session/types.ts";
import type { Backend, BackendName, Candidate } from "./backend.ts";
import { proveBackend } from "./proof.ts";

/** Why a backend isn't used. */
export interface Refusal {
  readonly backend: BackendName;
  readonly reason: string;
}

export interface BackendChoice {
  /** Undefined where none computes right. */
  readonly backend?: BackendName;
  /** Those that come before it. */
  readonly refused: readonly Refusal[];
}

export type Opened =
  | { readonly backend: Backend; readonly selfTest: SelfTest }
  | { readonly reason: string };

/** Tries them in turn and keeps none open. */
export async function chooseBackend(candidates: readonly Candidate[]): Promise<BackendChoice> {
  const refused: Refusal[] = [];
  for (const candidate of candidates) {
    const opened = await openProven(candidate);
    if ("backend" in opened) {
      opened.backend.dispose();
      return { backend: candidate.name, refused };
    }
    refused.push({ backend: candidate.name, reason: opened.reason });
  }
  return { refused };
}

/** Opens a backend and has it prove that it computes right; one that can't is closed again. */
export async function openProven({ open }: Candidate): Promise<Opened> {
  let backend: Backend | undefined;
  try {
    backend = await open();
    const selfTest = proveBackend(backend);
    if (selfTest.trusted) return { backend, selfTest };
    backend.dispose();
    return { reason: selfTest.checks[0].detail };
  } catch (error) {
    backend?.dispose();
    return { reason: reasonOf(error) };
  }
}
