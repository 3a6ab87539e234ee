import { giveBackBy } from "../gpu/collector.ts";

/**
 * Prepares the process for the GPU; call it once, before the first `requestAdapter`. On Linux it
 *
 * - asks for Vulkan. Where no Vulkan driver is installed wgpu would quietly take an OpenGL one, which lacks f16 and has
 *   fewer bindings, so that the same machine would give other results after a driver came along. Setting
 *   DENO_WEBGPU_BACKEND yourself overrides it.
 * - gives XDG_RUNTIME_DIR a private directory where it is unset, as in containers and CI: otherwise the driver's Wayland
 *   client, which nothing here needs, complains on stderr.
 * - lets glibc give freed memory back when a device is closed. By itself it keeps what a driver's threads freed: compiling
 *   shaders in software leaves some 80 MB behind.
 */
export function prepareEnvironment(): void {
  if (Deno.build.os !== "linux") return;
  giveBackBy(trimHeap);
  if (!Deno.env.get("DENO_WEBGPU_BACKEND")) Deno.env.set("DENO_WEBGPU_BACKEND", "vulkan");
  if (Deno.env.get("XDG_RUNTIME_DIR")) return;
  const directory = `${Deno.env.get("TMPDIR") ?? "/tmp"}/secateur-runtime-${Deno.uid() ?? 0}`;
  try {
    Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
    Deno.env.set("XDG_RUNTIME_DIR", directory);
  } catch {
    // Only the complaint comes back; that isn't worth a failure.
  }
}

/** Does nothing where the process may not call the C library, or where that isn't glibc. */
function trimHeap(): void {
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return;
  try {
    const libc = Deno.dlopen("libc.so.6", { malloc_trim: { parameters: ["usize"], result: "i32" } });
    libc.symbols.malloc_trim(0n);
    libc.close();
  } catch {
    // What is freed stays with the process, and is used again by it.
  }
}
