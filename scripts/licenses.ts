// A bundle holds the code of others: what their licenses ask for is that their texts go along.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Options } from "tsup";

type Plugin = NonNullable<Options["esbuildPlugins"]>[number];

/** Writes a file with name, version and license text of each package in the bundle that is not of this workspace. */
export const licensesInto = (path: string): Plugin => ({
  name: "licenses",
  setup(build): void {
    build.initialOptions.metafile = true;
    build.onEnd(({ metafile }) => {
      const outputs = Object.values(metafile?.outputs ?? {});
      const files = outputs.flatMap(({ inputs }) =>
        Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [resolve(file)] : [])),
      );
      const folders = new Set(
        files.flatMap((file) => /^.*[\\/]node_modules[\\/](@[^\\/]+[\\/])?[^\\/]+/.exec(file)?.[0] ?? []),
      );
      const texts = [...folders].map(licenseOf).sort((a, b) => (a < b ? -1 : 1));
      // tsup writes its files only after this.
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, `This program contains the following software.\n\n${texts.join("\n")}`);
    });
  },
});

/** @throws Error for a package that says nothing of its license */
function licenseOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    readonly name: string;
    readonly version: string;
    readonly license?: string;
  };
  const found = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  if (license === undefined && found.length === 0) throw new Error(`${name} ${version} names no license`);
  const texts = found.map((file) => readFileSync(join(folder, file), "utf8").trim());
  return [`--- ${name} ${version}, license ${license ?? "as below"}`, ...texts, ""].join("\n\n");
}
