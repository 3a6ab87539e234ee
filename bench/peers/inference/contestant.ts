/** One implementation of a forward pass, ready to run on inputs that lie on its device. */
export interface Forward {
  /** Computes the pass `calls` times and then reads the last output, [batch, 10] row-major. */
  run(calls: number): Promise<Float32Array>;
}
