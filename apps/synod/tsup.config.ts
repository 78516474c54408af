import { program } from "../../scripts/tsup.base.ts";

export default program();
