/** What `Gpu.open` can be told. */
import { type KnownKeys, refuseUnknownKeys } from "../validation/choice.ts";
import type { OpenOptions } from "./adapter.ts";
import { type DebugLevel, readDebugLevel } from "./trace.ts";

/** Says how the device is opened and used. */
export interface GpuOptions extends OpenOptions {
  /** This says how much is told of the device's work, in a line each; by default it is 0, which tells nothing. */
  readonly debug?: DebugLevel;
  /** The lines of `debug` go here, by default to the console. */
  readonly onDebug?: (line: string) => void;
  /**
   * True binds uniform slots by dynamic offset. Some phones run only the first such dispatch right: then false. By
   * default it is true but on devices that are known to.
   */
  readonly dynamicOffsets?: boolean;
  /**
   * False keeps the workgroup memory of shaders in storage buffers, which is slower, for drivers that miscompile it. By
   * default it is false on devices that are known to.
   */
  readonly workgroupMemory?: boolean;
  /** The device binds no more bytes of a buffer than this, though it could, to test what goes through in windows. */
  readonly bindingBytes?: number;
}

const KNOWN: KnownKeys<GpuOptions> = {
  powerPreference: true,
  without: true,
  debug: true,
  onDebug: true,
  dynamicOffsets: true,
  workgroupMemory: true,
  bindingBytes: true,
};

/** @throws UserError for an unknown option, and where `debug` is no level */
export function checkedOptions(options: GpuOptions): GpuOptions {
  refuseUnknownKeys("Gpu.open", options, Object.keys(KNOWN));
  return { ...options, debug: readDebugLevel(options.debug, "debug") };
}
