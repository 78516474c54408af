import { SynodError, type Versions } from "@synod/interface";

/**
 * Version of the log that this release reads and, once it is in force, writes: kinds of values and entries, the envelope, the format of
 * snapshots. A release that adds to them raises it by one, and writes what is new only while `versions.log` is as high.
 */
export const LOG_VERSION = 1;

/** In force in a cluster that was just founded. */
export const FIRST_VERSIONS: Versions = { wire: 1, log: 1, machine: 1 };

const FIELDS = ["wire", "log", "machine"] as const;
const NAMES = { wire: "wire protocol", log: "log", machine: "state machine" } as const;

/** The higher of the two, each by itself. */
export function higherVersions(a: Versions, b: Versions): Versions {
  return { wire: Math.max(a.wire, b.wire), log: Math.max(a.log, b.log), machine: Math.max(a.machine, b.machine) };
}

/** Which versions of `b` are above those of `a`. */
export function versionsAbove(a: Versions, b: Versions): readonly (keyof Versions)[] {
  return FIELDS.filter((field) => b[field] > a[field]);
}

export function checkVersions(versions: Versions): void {
  for (const field of FIELDS) {
    const version = versions[field];
    if (Number.isSafeInteger(version) && version >= 1) continue;
    throw new SynodError(
      "InvalidArgument",
      `The version of the ${NAMES[field]} must be a positive integer, got ${version}.`,
    );
  }
}

/**
 * @param what - that needs them, as the start of a sentence
 * @throws SynodError `VersionUnsupported`, with details { needed, supported }, where `needed` is above `supported`
 */
export function checkSupported(what: string, needed: Versions, supported: Versions): void {
  const above = versionsAbove(supported, needed);
  if (above.length === 0) return;
  const list = above.map(
    (field) => `${NAMES[field]} version ${needed[field]} (this node supports ${supported[field]})`,
  );
  throw new SynodError(
    "VersionUnsupported",
    `${what} needs ${list.join(" and ")}. Nothing of it was applied and nothing is lost: start this node with the release that ` +
      "the other members run.",
    { details: { needed, supported } },
  );
}
