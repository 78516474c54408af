// What puts load on something with keys and values, and says how it went. Also part of the command line (`synod bench`).
export { bar } from "./bar.js";
export { type Load, type LoadResult, type LoadTarget, runLoad } from "./load.js";
export { chartOf, comparison, summary } from "./report.js";
