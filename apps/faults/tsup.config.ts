import { app } from "../../scripts/tsup.base.ts";

export default app(["src/main.ts", "src/holder.ts"]);
