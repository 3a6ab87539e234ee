/** From the paths below a folder or in an archive to parts, classes and labels. Pure. */
import { UserError } from "../../errors.ts";
import type { Dataset } from "../types.ts";

export const partNames = ["train", "validation", "test"] as const;
export type PartName = (typeof partNames)[number];

/** The parts that a source has: its own, or "all" where nobody divided it. */
export type ImageParts = ReadonlyMap<PartName | "all", Dataset>;

export interface Sample {
  readonly path: string;
  readonly label: number;
}

export interface Arrangement {
  /** Names of the class folders in byte order; a label counts them. */
  readonly classes: readonly string[];
  /** The parts that there are; "all" where class folders lie at the top. Samples by class, then by path in byte order. */
  readonly parts: ReadonlyMap<PartName | "all", readonly Sample[]>;
}

/** Folder -> part. Where there is no test folder, the validation folder is the test part: many sets publish only it. */
const FOLDERS: ReadonlyMap<string, PartName> = new Map([
  ["train", "train"],
  ["val", "validation"],
  ["valid", "validation"],
  ["validation", "validation"],
  ["test", "test"],
]);

/** Formats that are images, but none that is read here. */
const OTHER_IMAGES = /\.(gif|webp|bmp|tiff?|heic|heif|avif|jxl|jp2|ppm|pgm)$/i;

/** Whether a path names an image, judged by its ending; what is hidden isn't looked at. Throws UserError for other formats. */
export function isImagePath(path: string, where: string): boolean {
  if (isHidden(path)) return false;
  if (OTHER_IMAGES.test(path)) {
    throw new UserError(`${where}: ${path} is of a format that isn't read, expected PNG or JPEG: convert it`);
  }
  return /\.(png|jpe?g)$/i.test(path);
}

/** Names with a dot in front, also of folders: .DS_Store, ._1.jpg of macOS's archives, .git. And what Windows adds. */
export function isHidden(path: string): boolean {
  return path.split("/").some((name) => name.startsWith(".") || name === "__MACOSX");
}

/**
 * @param images paths of image files, relative, in any order
 * @param folders paths of all folders, without a slash at the end: empty classes are told by them
 * @param where names the source in errors
 * @throws UserError where this is no folder of classes
 */
export function arrange(images: readonly string[], folders: readonly string[], where: string): Arrangement {
  if (images.length === 0) {
    throw new UserError(`${where}: found no PNG or JPEG files, expected folders of them: ${LAYOUT}`);
  }
  const wrapper = wrapperOf(images);
  const below = (path: string) => path.slice(wrapper.length);
  const sorted = images.toSorted(compareBytes);
  const visible = folders.filter((path) => !isHidden(path) && path.length > wrapper.length && path.startsWith(wrapper));
  const partOf = (path: string) => FOLDERS.get(below(path).split("/", 1)[0].toLowerCase());
  const inParts = sorted.every((path) => partOf(path) !== undefined);
  const depth = inParts ? 1 : 0;

  const found = new Map<PartName | "all", Map<string, string[]>>();
  const classIn = (path: string): string[] | undefined => {
    const names = below(path).split("/");
    if (names.length <= depth) return undefined;
    const part = inParts ? partOf(path) : "all";
    if (part === undefined) return undefined; // an empty folder beside the parts
    const classes = found.get(part) ?? new Map<string, string[]>();
    found.set(part, classes);
    const members = classes.get(names[depth]) ?? [];
    classes.set(names[depth], members);
    return members;
  };
  for (const path of sorted) {
    if (below(path).split("/").length <= depth + 1) {
      throw new UserError(`${where}: ${path} lies in no class folder: ${LAYOUT}`);
    }
    classIn(path)!.push(path);
  }
  for (const path of visible) classIn(path);

  if (found.has("validation") && !found.has("test")) {
    found.set("test", found.get("validation")!);
    found.delete("validation");
  }
  const classes = classesOf(found, where);
  const parts = new Map<PartName | "all", Sample[]>();
  for (const part of [...partNames, "all"] as const) {
    const members = found.get(part);
    if (members) {
      parts.set(part, classes.flatMap((name, label) => members.get(name)!.map((path) => ({ path, label }))));
    }
  }
  return { classes, parts };
}

const LAYOUT =
  "lay them out as <class>/<image>, or as train/<class>/<image> and test/<class>/<image>; what needs no labels " +
  "takes images of any folders with --no-labels";

/** The one folder that everything lies in, with its slash, as archives often have it; else "". A class holds images itself. */
function wrapperOf(images: readonly string[]): string {
  const [first, ...deeper] = images[0].split("/");
  const wraps = deeper.length > 1 && !FOLDERS.has(first.toLowerCase()) &&
    images.every((path) => path.startsWith(`${first}/`) && path.split("/").length > 2);
  return wraps ? `${first}/` : "";
}

/** Every part must know every class: a label would mean something else in each. */
function classesOf(parts: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>, where: string): string[] {
  const classes = [...new Set([...parts.values()].flatMap((members) => [...members.keys()]))].sort(compareBytes);
  for (const [part, members] of parts) {
    const empty = classes.find((name) => !members.get(name)?.length);
    if (empty !== undefined) {
      throw new UserError(
        `${where}: class "${empty}" has no images${
          part === "all" ? "" : ` in ${part}`
        }, expected at least one: add some, ` +
          `or remove its folder`,
      );
    }
  }
  if (classes.length < 2) {
    throw new UserError(`${where}: found only the class "${classes[0]}", expected two or more: ${LAYOUT}`);
  }
  return classes;
}

/** Order of the UTF-8 bytes, which is the order of code points, and of Python's `sorted`. */
export function compareBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a[i] !== b[i]) return rank(a.charCodeAt(i)) - rank(b.charCodeAt(i));
  }
  return a.length - b.length;
}

/** UTF-16 units ordered as their code points: surrogates stand for those above all others. */
function rank(unit: number): number {
  return unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
