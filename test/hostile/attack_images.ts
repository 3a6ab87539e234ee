/** Images whose every name tries to steer a terminal. */
import encodePng from "@jsquash/png/encode.js";
import { attack, className } from "./attack.ts";

/** Eight images of each class, and a text that is passed over. */
export async function writeAttackImages(folder: string): Promise<void> {
  for (const name of ["cat", "dog"]) {
    const directory = `${folder}/${className(attack(name))}`;
    await Deno.mkdir(directory, { recursive: true });
    for (let i = 0; i < 8; i++) {
      const pixels = Uint8ClampedArray.from({ length: 4 * 36 }, (_, at) => at % 4 === 3 ? 255 : (at * (i + 3)) % 256);
      const png = await encodePng(new ImageData(pixels, 6, 6));
      await Deno.writeFile(`${directory}/${className(attack(String(i)))}.png`, new Uint8Array(png));
    }
  }
  await Deno.writeTextFile(`${folder}/${className(attack("notes"))}.txt`, "no image");
}
