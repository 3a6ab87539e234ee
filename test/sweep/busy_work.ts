/** A process of work for tests: a job keeps its event loop busy for `ms` milliseconds, or ends the process. */
import { serveJobs } from "../../src/sweep/deno/serve_jobs.ts";

interface Busy {
  readonly ms: number;
  readonly exit?: number;
}

await serveJobs(() =>
  Promise.resolve({
    probe: () => Promise.resolve({ adapter: "gpu" }),
    run({ payload }) {
      const { ms, exit } = payload as Busy;
      const end = performance.now() + ms;
      while (performance.now() < end);
      if (exit !== undefined) {
        console.error("out of luck");
        Deno.exit(exit);
      }
      return Promise.resolve({ is: "done", seconds: ms / 1000 });
    },
  })
);
