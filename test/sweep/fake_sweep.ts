/** A sweep without a network: trials' metrics are a function of their choices, and jobs come back in a drawn order. */
import { random } from "../../kernels/random/philox.ts";
import { noPruner, type Pruner } from "../../src/sweep/pruner.ts";
import type { Sampler } from "../../src/sweep/sampler.ts";
import { type Choices, type Metrics, type Trial, trialId } from "../../src/sweep/trial.ts";

export interface FakeSweep {
  readonly sampler: Sampler;
  readonly pruner?: Pruner;
  /** Epochs of each rung, and of the end. */
  readonly rungs?: readonly number[];
  /** At most so many trials. */
  readonly trials: number;
  readonly workers?: number;
  /** Draws which of the running jobs ends next. */
  readonly order?: number;
  /** Undefined: the job fails. */
  metrics(choices: Choices, seed: number, epochs: number): Metrics | undefined;
}

export interface FakeEnd {
  readonly trials: readonly Trial[];
  /** Trained, by all trials together. */
  readonly epochs: number;
}

type Mutable = { -readonly [Key in keyof Trial]: Trial[Key] };

export function runFake(sweep: FakeSweep): FakeEnd {
  const { sampler, pruner = noPruner(), rungs = [1], workers = 1, order = 1, metrics } = sweep;
  const rng = random(order, "fake sweep");
  const trials: Mutable[] = [];
  const running: Mutable[] = [];
  let epochs = 0;
  for (let step = 0;; step++) {
    const proposals = sampler.ask(trials, sweep.trials - trials.length);
    for (const { choices, seed, parents } of proposals) {
      trials.push({ id: trialId(trials.length), choices, seed, parents, rungs: [], state: "waiting" });
    }
    const ended = trials.length >= sweep.trials || sampler.exhausted(trials) ? "ended" : "more";
    const decisions = pruner.decide(trials, ended);
    for (const trial of trials) {
      const decision = trial.state === "waiting" ? decisions.get(trial.id) : "wait";
      if (decision === "stop") trial.state = "stopped";
      if (decision !== "promote" || running.length >= workers) continue;
      trial.state = "running";
      running.push(trial);
    }
    if (running.length === 0) {
      if (ended === "ended" || proposals.length === 0) return { trials, epochs };
      continue;
    }
    const [trial] = running.splice(rng.below(running.length, step, 0), 1);
    const rung = trial.rungs.length;
    const found = metrics(trial.choices, trial.seed, rungs[rung]);
    epochs += rungs[rung] - (rungs[rung - 1] ?? 0);
    if (found) {
      trial.rungs = [...trial.rungs, { rung, epochs: rungs[rung], metrics: found, job: `${trial.id}-${rung}` }];
    }
    trial.state = found === undefined ? "failed" : rung + 1 === rungs.length ? "done" : "waiting";
  }
}
