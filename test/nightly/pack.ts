/** A pack of benchmarks in a bare Debian: scripts/pack_chroot.sh with the Deno that runs this. */
const script = new URL("../../scripts/pack_chroot.sh", import.meta.url).pathname;
const child = new Deno.Command("sh", { args: [script], env: { DENO: Deno.execPath() } }).spawn();
Deno.exit((await child.status).code);
