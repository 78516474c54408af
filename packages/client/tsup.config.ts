import { nodeOnly } from "../../scripts/tsup.base.ts";

export default nodeOnly(["src/index.ts", "src/protocol.ts"]);
