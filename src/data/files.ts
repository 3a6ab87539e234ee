/** Many files in one place, a folder or an archive, read one after the other. */
export interface Files {
  /** As errors name it. */
  readonly name: string;
  /** Changes whenever one of the files does: made of their paths, sizes and times of change, or of the archive's. */
  readonly fingerprint: string;
  /** What its images may take once decoded, in bytes. An archive's follows from its size: a small one can't fill the memory. */
  readonly mostDecoded: number;
  /** Throws UserError where something can't be read, or isn't a file or folder. */
  read(visitor: Visitor): Promise<void>;
}

/** Paths are relative, with "/" between names. Each file and folder comes once, in any order. */
export interface Visitor {
  /** Whether `file` is to be called: asked once for each file, with its bytes. */
  wants(path: string, bytes: number): boolean;
  file(path: string, bytes: Uint8Array<ArrayBuffer>): void;
  folder?(path: string): void;
  /** Resolves when the visitor can take more; reading waits for it. */
  room?(): Promise<void>;
}
