import { fileURLToPath } from "node:url";

/** Root of the repository; the same from `src` and from `dist`. */
export const ROOT: string = fileURLToPath(new URL("../../../", import.meta.url));

/** Sources of this app, which are bundled anew for each mutant. */
export const SOURCES: string = fileURLToPath(new URL("../src/", import.meta.url));
