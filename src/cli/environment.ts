/**
 * Prepares the process for the GPU; call it once, before the first `requestAdapter`.
 *
 * On Linux the Vulkan loader's Wayland client complains twice on stderr when XDG_RUNTIME_DIR is unset, as it is in
 * containers and CI. Nothing here needs Wayland, so any private directory keeps it quiet.
 */
export function prepareEnvironment(): void {
  if (Deno.build.os !== "linux" || Deno.env.get("XDG_RUNTIME_DIR")) return;
  const directory = `${Deno.env.get("TMPDIR") ?? "/tmp"}/secateur-runtime-${Deno.uid() ?? 0}`;
  try {
    Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
    Deno.env.set("XDG_RUNTIME_DIR", directory);
  } catch {
    // Only the warning comes back; it isn't worth a failure.
  }
}
