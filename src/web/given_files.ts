/** Files that somebody chooses or drops on the page, those of dropped folders among them. */
import type { NamedBlob } from "../data/blob_files.ts";

/** Of an input: with the path below the folder that was chosen. */
export function chosenFiles(list: FileList | null): NamedBlob[] {
  return [...list ?? []].map((blob) => ({ path: blob.webkitRelativePath || blob.name, blob }));
}

/** Of a drop. Its items are empty once the event is over, so they are taken at once and read later. */
export async function droppedFiles(dropped: DataTransfer | null): Promise<NamedBlob[]> {
  const entries = [...dropped?.items ?? []].map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const found = await Promise.all(entries.map((entry) => entry ? filesOf(entry) : []));
  return found.flat();
}

async function filesOf(entry: FileSystemEntry | File): Promise<NamedBlob[]> {
  if (entry instanceof File) return [{ path: entry.name, blob: entry }];
  if (entry.isFile) {
    const blob = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ path: entry.fullPath.replace(/^\//, ""), blob }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: NamedBlob[] = [];
  // It gives a hundred at a time, and none at the end.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found;
    for (const files of await Promise.all(some.map(filesOf))) found.push(...files);
  }
}
