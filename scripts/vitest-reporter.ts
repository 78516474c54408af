import type { Reporter, SerializedError, TestModule } from "vitest/node";

/** Ends the run with a line `failed: file > test` for each failure, and `N passed, N failed, N skipped` alone on the last. */
export default class CountingReporter implements Reporter {
  #lines: string[] = [];

  constructor() {
    // At exit, so that nothing that Vitest prints while it closes comes after it.
    process.once("exit", () => {
      for (const line of this.#lines) process.stdout.write(`${line}\n`);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const count = { passed: 0, failed: 0, skipped: 0 };
    const failures = unhandledErrors.map(({ message }) => `an error that nobody caught: ${firstLine(message)}`);
    for (const module of modules) {
      const file = module.relativeModuleId;
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        if (state === "passed" || state === "skipped") count[state] += 1;
        // A test that is still pending when the run ends did not pass.
        else failures.push(`${file} > ${test.fullName}: ${firstLine(errors?.[0]?.message ?? state)}`);
      }
      // A file that does not load and a suite whose hook throws have errors, but no test that failed.
      for (const { message } of module.errors()) failures.push(`${file}: ${firstLine(message)}`);
      for (const suite of module.children.allSuites()) {
        for (const { message } of suite.errors()) failures.push(`${file} > ${suite.fullName}: ${firstLine(message)}`);
      }
    }
    count.failed = failures.length;
    this.#lines = failures.map((failure) => `failed: ${failure}`);
    this.#lines.push(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  }
}

const firstLine = (text: string): string => text.split("\n", 1)[0] ?? "";
