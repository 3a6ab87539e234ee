/** `serve` as a real process: the real page over HTTPS, senders that never finish, and its end. */
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("secateur serve, the process");
const main = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const folder = await Deno.makeTempDir({ prefix: "secateur-serve-" });
test.after(() => Deno.remove(folder, { recursive: true }));

const command = (...args: string[]) =>
  new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--cached-only", main, "serve", "--runs", `${folder}/runs`, ...args],
    env: { NO_COLOR: "1", SECATEUR_DEBUG: "", SECATEUR_CACHE: folder },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });

test("HTTPS for 200 at once beside half-sent posts; a second server says what is wrong; SIGINT ends it at once", async () => {
  const child = command("--port", "0").spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.includes("Ctrl-C stops")) said += (await reader.read()).value ?? assert.unreachable("it ended early");
  const [, address, port, token] = /^(https:\/\/localhost:(\d+)\/)#t=([\w-]{22})$/m.exec(said)!;
  assert.match(said, /Only this machine is let in/, "nobody sits at the terminal");
  assert.match(said, /^[█▀▄ \n]{400,}\n\nhttps/, "the code comes first");

  const { cert } = JSON.parse(await Deno.readTextFile(`${folder}/server/certificate.json`));
  if (Deno.build.os !== "windows") assert.is((await Deno.stat(`${folder}/server`)).mode! & 0o777, 0o700);
  const half =
    `POST /api/devices HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\ncontent-length: 9\r\n\r\n{`;
  const unfinished = await Promise.all(Array.from({ length: 12 }, async (_, i) => {
    const connection = await Deno.connectTls({ hostname: "localhost", port: Number(port), caCerts: [cert] });
    await connection.write(new TextEncoder().encode(i < 6 ? half : "GET / HT"));
    return connection;
  }));
  const client = Deno.createHttpClient({ caCerts: [cert] });
  const answers = await Promise.all(Array.from({ length: 200 }, async () => {
    const response = await fetch(`${address}app/main.js`, { client });
    return `${response.status} ${(await response.text()).length > 10_000}`;
  }));
  assert.equal([...new Set(answers)], ["200 true"]);
  const hello = await fetch(`${address}api/hello`, { client, headers: { authorization: `Bearer ${token}` } });
  assert.match((await hello.json()).tool, /^secateur \d/);
  client.close();

  const second = await command("--port", port).output();
  assert.is(second.code, 1);
  assert.match(new TextDecoder().decode(second.stderr), /^secateur: port \d+ is in use: [^\n]*--port\n$/);

  child.kill("SIGINT");
  assert.is((await child.status).code, 0);
  assert.is((await reader.read()).value, "stopped\n");
  assert.is(await new Response(child.stderr).text(), "");
  for (const connection of unfinished) connection.close();
});

test.run();
