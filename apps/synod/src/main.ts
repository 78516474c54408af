#!/usr/bin/env node
import { endUnread, run } from "./program.js";

const args = process.argv.slice(2);
endUnread(args);
void run(args);
