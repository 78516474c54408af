import { app } from "../../scripts/tsup.base.ts";

export default app(["src/main.ts", "src/replica.ts", "src/load/index.ts"]);
