import { prepareEnvironment } from "../src/cli/environment.ts";
import { Gpu } from "../src/gpu/gpu.ts";

let opened: Promise<Gpu> | undefined;

/**
 * The device that all tests of a process share.
 *
 * @throws when there is no WebGPU adapter: a suite that tests nothing must not pass.
 */
export function testGpu(): Promise<Gpu> {
  prepareEnvironment();
  return opened ??= Gpu.open();
}
