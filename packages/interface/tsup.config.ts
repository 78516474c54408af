import { browserSafe } from "../../scripts/tsup.base.ts";

export default browserSafe(["src/index.ts", "src/host.ts"]);
