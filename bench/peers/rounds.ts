/** Rounds of rotated order, one short suite of benny's each. */
import { type Contestant, rotated, type Sample } from "../contest.ts";
import { runCases } from "../run_cases.ts";

export interface Runner {
  readonly contestant: Contestant;
  /** It is measured in so many rounds, the first ones. */
  readonly turns: number;
}

/** Times `steps` steps of each contestant with the read that ends them, in rotated order, until nobody has a turn left. */
export async function race(
  runners: readonly Runner[],
  { title, steps }: { title: string; steps: number },
): Promise<Sample[]> {
  const samples: Sample[] = [];
  const rounds = Math.max(0, ...runners.map(({ turns }) => turns));
  for (let round = 0; round < rounds; round++) {
    await runCases(
      `${title}, round ${round + 1}`,
      rotated(runners, round).filter(({ turns }) => round < turns).map(({ contestant: { name, run } }) => ({
        name,
        run: async () => {
          const start = performance.now();
          await run(steps);
          samples.push({ name, msPerStep: (performance.now() - start) / steps });
        },
      })),
    );
  }
  return samples;
}
