import type { Reporter, SerializedError, TestModule } from "vitest/node";

/** Ends the run with `N passed, N failed, N skipped` alone on a line. */
export default class CountingReporter implements Reporter {
  #line = "";

  constructor() {
    // At exit, so that nothing that Vitest prints while it closes comes after it.
    process.once("exit", () => {
      if (this.#line) process.stdout.write(this.#line);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        // A test that is still pending when the run ends did not pass.
        count[state === "pending" ? "failed" : state] += 1;
      }
      // A file that does not load and a suite whose hook throws have errors, but no test that failed.
      count.failed += module.errors().length;
      for (const suite of module.children.allSuites()) count.failed += suite.errors().length;
    }
    this.#line = `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`;
  }
}
