/** Wrong use or a machine that does not permit it: one line for a person, and the exit code. */
export class Failure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Bad option, port in use, directory that cannot be used. */
export const usage = (message: string): Failure => new Failure(message, 2);

/** The demo could not do its work. */
export const broken = (message: string): Failure => new Failure(message, 1);

/** Code of an operating system error, or "" for anything else. */
export function codeOf(cause: unknown): string {
  const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : "";
  return typeof code === "string" ? code : "";
}
