import type { Command } from "commander";
import { addChanges } from "./member-change.js";
import { addList } from "./member-list.js";

export function addMember(program: Command): void {
  const member = program
    .command("member")
    .summary("list and change the members")
    .description(
      "The members of the cluster. Changes need the role admin and go one at a time; they end when the change is complete.",
    );
  addList(member);
  addChanges(member);
}
