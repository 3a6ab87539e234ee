/** Rounds of rotated order, one short suite of benny's each. */
import { type Contestant, rotated, type Sample } from "../contest.ts";
import { hold } from "../hold.ts";

/** Times `steps` steps of each contestant with the read that ends them, in rotated order, `rounds` times. */
export async function race(
  contestants: readonly Contestant[],
  { title, rounds, steps }: { title: string; rounds: number; steps: number },
): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round++) {
    await hold(
      `${title}, round ${round + 1}`,
      rotated(contestants, round).map(({ name, run }) => ({
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
