/**
 * Where bytes are kept: the file system, a browser's storage, or memory.
 *
 * A path is a list of names joined by "/"; a folder exists as soon as a file lies in it.
 */
export interface Store {
  /**
   * The file; undefined where there is none.
   * @throws UserError for what is no regular file, or lies outside of the folder that it must lie in
   */
  read(path: string, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Replaces the file as a whole: after a crash it holds either the old bytes or the new ones. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Adds UTF-8 text at the end, making the file where there is none. */
  append(path: string, text: string): Promise<void>;
  /** Cuts the file back to its first `bytes` bytes; a shorter or absent file stays as it is. */
  truncate(path: string, bytes: number): Promise<void>;
  /**
   * Bytes in the file; undefined where there is none, or a folder.
   * @throws UserError for a pipe or a device
   */
  size(path: string): Promise<number | undefined>;
  /** Paths of all regular files in a folder and its subfolders, sorted; none where there is no folder. */
  list(folder: string): Promise<string[]>;
  /** Deletes one file; does nothing where there is none. */
  remove(path: string): Promise<void>;
}

/** What of a file is read, and where it must lie. */
export interface ReadOptions {
  /** A folder that the file must lie in, at any depth, wherever links lead. */
  readonly within?: string;
  /** So many bytes from the file's beginning; all where it has fewer. Default: all. */
  readonly most?: number;
}
