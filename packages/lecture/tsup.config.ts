import { browserSafe } from "../../scripts/tsup.base.ts";

export default browserSafe();
