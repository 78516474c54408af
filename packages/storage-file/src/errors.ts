import { SynodError } from "@synod/interface";

const REMEDY =
  "Keep the files for examination and do not edit them. Replace the node: remove its id from the configuration " +
  "and add a new id with an empty directory.";

export function damaged(file: string, offset: number, what: string): SynodError {
  return new SynodError("StoreDamaged", `${file} is damaged at byte ${offset}: ${what}. ${REMEDY}`, {
    details: { file, offset, remedy: REMEDY },
  });
}

export function versionUnsupported(file: string, version: number | string): SynodError {
  return new SynodError(
    "VersionUnsupported",
    `${file} has format version ${version}, which this release does not know. Start the release that wrote it, or a later one; if there never was one, the file is damaged: replace this node by one with a new id.`,
    { details: { file, version } },
  );
}

/** The operating system's error code, if the error has one. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** What a caller is told when the file system fails. */
export function storageError(error: unknown, directory: string): SynodError {
  if (error instanceof SynodError) return error;
  const code = errorCode(error);
  const reason = error instanceof Error ? error.message : String(error);
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new SynodError(
      "StoreFull",
      `No space for the store in ${directory} (${reason}). Free some and start again.`,
      {
        cause: error,
        details: { directory, code },
      },
    );
  }
  return new SynodError(
    "StoreFailed",
    `The store in ${directory} failed (${reason}). It takes no more calls: find out what is wrong with the disk, then start again.`,
    { cause: error, details: { directory, code } },
  );
}
