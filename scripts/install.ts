/**
 * Runs one installing command to its end, showing how far it is; its output is kept back and shown only on failure.
 *
 * @throws when the command can't be started or fails.
 */
export async function install(command: readonly string[]): Promise<void> {
  const title = command.join(" ");
  const apt = command[0] === "apt-get";
  // Status-Fd makes apt report its own progress in percent, on standard output here.
  const words = apt ? [command[0], "-o", "APT::Status-Fd=1", ...command.slice(1)] : [...command];
  const progress = progressLine(title);
  let log = "";
  try {
    const child = new Deno.Command(words[0], {
      args: words.slice(1),
      env: { DEBIAN_FRONTEND: "noninteractive" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) {
        log = (log + text).slice(-20_000);
        const percent = aptPercent(text);
        if (percent !== undefined) progress.show(percent);
      }
    };
    const [status] = await Promise.all([child.status, read(child.stdout), read(child.stderr)]);
    if (status.success) return;
    const said = log.split("\n").filter((line) => !/^(dl|pm)status:/.test(line)).slice(-15).join("\n");
    throw new Error(`${said}\n"${title}" failed with exit code ${status.code}.`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new Error(`"${words[0]}" can't be found: needed for "${title}".`);
    throw error;
  } finally {
    progress.end();
  }
}

/** The last percentage in apt's status lines: `dlstatus:item:percent:text` downloads, `pmstatus:package:percent:text` unpacks. */
export function aptPercent(text: string): number | undefined {
  const found = [...text.matchAll(/^(dl|pm)status:[^\n]*?:(\d+(?:\.\d+)?):/gm)].at(-1);
  if (!found) return undefined;
  const half = Number(found[2]) / 2;
  return Math.round(found[1] === "dl" ? half : 50 + half);
}

function progressLine(title: string): { show(percent: number): void; end(): void } {
  const terminal = Deno.stderr.isTerminal();
  const started = performance.now();
  const write = (text: string) => Deno.stderr.writeSync(new TextEncoder().encode(text));
  let shown = -1;
  let percent = 0;
  const line = () => {
    const seconds = Math.round((performance.now() - started) / 1000);
    return `  ${title}${percent > 0 ? `  ${percent} %` : ""}  ${seconds} s`;
  };
  if (!terminal) write(`  ${title}\n`);
  const tick = terminal ? setInterval(() => write(`\r${line()}\x1b[K`), 250) : undefined;
  return {
    show(value) {
      percent = Math.max(percent, value);
      // A log gets a line each quarter, a terminal one line that moves.
      if (!terminal && Math.floor(percent / 25) > Math.floor(Math.max(shown, 0) / 25)) write(line() + "\n");
      shown = percent;
    },
    end() {
      clearInterval(tick);
      if (terminal) write(`\r${line()}\x1b[K\n`);
    },
  };
}
