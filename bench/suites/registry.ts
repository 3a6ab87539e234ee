/** The suites that `deno task bench` knows. */
export interface Suite {
  readonly name: string;
  readonly about: string;
  /** Path below bench/. */
  readonly file: string;
  /** Rivals come with a configuration of their own, so that nobody else downloads them; path below bench/. */
  readonly config?: string;
}

export const SUITES: readonly Suite[] = [
  {
    name: "train-step",
    about: "one training step of LeNet-5, batch 64, against TensorFlow.js and jax-js",
    file: "peers/train_step.ts",
    config: "peers/deno.json",
  },
  { name: "kernels", about: "throughput of our matrix products and convolutions", file: "suites/kernels.ts" },
  { name: "profile", about: "where the time of our own training step goes", file: "suites/profile.ts" },
];
