import { nodeOnly } from "../../scripts/tsup.base.ts";

export default nodeOnly();
