/** Finds what compiling for a GPU that isn't there needs on Linux, and builds the Vulkan layer of null_device.c. */
import { UserError } from "../../src/errors.ts";

/** What Debian's packages are called that bring everything. */
const PACKAGES = "gcc libc6-dev libvulkan-dev libvulkan1 mesa-vulkan-drivers";
const DRIVERS = "/usr/share/vulkan/icd.d";

export interface Toolchain {
  /** The driver's manifest. */
  readonly driver: string;
  /** The folder with the layer and its manifest. */
  readonly layers: string;
}

/**
 * @param directory where the layer is built
 * @throws UserError that says in one line what is missing, and what to install
 */
export async function buildLayer(directory: string): Promise<Toolchain> {
  if (Deno.build.os !== "linux") {
    throw new UserError(`the suite "compiler" needs Linux with Mesa's AMD driver, and this is ${Deno.build.os}`);
  }
  const driver = [...filesOf(DRIVERS)].find((name) => name.startsWith("radeon_icd"));
  if (driver === undefined) throw missing(`Mesa's AMD driver (${DRIVERS}/radeon_icd*.json)`);
  const library = `${directory}/null_device.so`;
  const source = `${import.meta.dirname}/null_device.c`;
  await compile(["-O1", "-Wall", "-Wextra", "-fPIC", "-shared", "-fvisibility=hidden", "-o", library, source]);
  const manifest = {
    file_format_version: "1.1.2",
    layer: {
      name: LAYER,
      type: "GLOBAL",
      library_path: "./null_device.so",
      api_version: "1.3.0",
      implementation_version: "1",
      description: "Runs on a null device and writes down how pipelines compile",
      functions: { vkNegotiateLoaderLayerInterfaceVersion: "vkNegotiateLoaderLayerInterfaceVersion" },
    },
  };
  Deno.writeTextFileSync(`${directory}/null_device.json`, JSON.stringify(manifest));
  return { driver: `${DRIVERS}/${driver}`, layers: directory };
}

const LAYER = "VK_LAYER_secateur_null_device";

/** The environment of a process whose shaders are compiled for `gpu`, and written down in `log`. */
export function layerEnvironment({ driver, layers }: Toolchain, gpu: string, log: string): Record<string, string> {
  return {
    RADV_FORCE_FAMILY: gpu,
    VK_DRIVER_FILES: driver,
    // Loaders before 1.3.207 know the variable by this name alone.
    VK_ICD_FILENAMES: driver,
    VK_INSTANCE_LAYERS: LAYER,
    VK_LAYER_PATH: layers,
    DENO_WEBGPU_BACKEND: "vulkan",
    // What was compiled before would come without its statistics.
    MESA_SHADER_CACHE_DISABLE: "true",
    // The loader complains without one.
    XDG_RUNTIME_DIR: log,
    COMPILER_LOG: log,
  };
}

async function compile(args: readonly string[]): Promise<void> {
  let output;
  try {
    output = await new Deno.Command("gcc", { args: ["-std=c11", ...args] }).output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw missing("gcc");
    throw error;
  }
  if (output.success) return;
  const message = new TextDecoder().decode(output.stderr);
  const header = /fatal error: (\S+): No such file/.exec(message)?.[1];
  if (header !== undefined) throw missing(header.startsWith("vulkan") ? `Vulkan's headers (${header})` : header);
  throw new Error(`gcc: ${message}`);
}

function missing(what: string): UserError {
  return new UserError(`${what} is missing; on Debian: apt-get install ${PACKAGES}`);
}

function* filesOf(directory: string): Generator<string> {
  try {
    for (const { name } of Deno.readDirSync(directory)) yield name;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
