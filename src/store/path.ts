import { UserError } from "../errors.ts";

/** One spelling per path: "./a//b/../c/" becomes "a/c", "" and "." become "". */
export function normalisePath(path: string): string {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    if (name === ".." && names.length > 0 && names[names.length - 1] !== "..") names.pop();
    else if (name !== ".." || !path.startsWith("/")) names.push(name);
  }
  return (path.startsWith("/") ? "/" : "") + names.join("/");
}

/** "runs/a/x.txt" -> "runs/a"; a bare name has the parent "". */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : slash === 0 ? "/" : path.slice(0, slash);
}

/** Folder and name joined; either may be empty. */
export function joinPath(folder: string, name: string): string {
  return folder === "" || folder.endsWith("/") ? folder + name : `${folder}/${name}`;
}

/** Whether a path lies in a folder, at any depth; both as `normalisePath` gives them. */
export function isInside(path: string, folder: string): boolean {
  if (folder === "") return !path.startsWith("/") && path !== ".." && !path.startsWith("../");
  return path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

/** @throws UserError where the path, as it stands, lies outside of the folder */
export function requireInside(path: string, folder: string): void {
  if (!isInside(normalisePath(path), normalisePath(folder))) {
    throw new UserError(`cannot read ${path}: it lies outside of ${folder || "."}; name a file in there`);
  }
}

/** The file by which a process says that it works in a folder. */
export const LOCK_NAME = ".lock";

/** Files that no store lists: locks, and what is being written. */
export function isHidden(name: string): boolean {
  return name === LOCK_NAME || (name.startsWith(".") && name.endsWith(".tmp"));
}
