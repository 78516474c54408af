import { app } from "../../scripts/tsup.base.ts";

export default app();
