import { parseSync, type Plugin } from "vite";

/** What is put where. */
interface Insert {
  readonly at: number;
  readonly text: string;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Partial<Node>).type === "string";

const SIMPLE = new Set(["ExpressionStatement", "VariableDeclaration", "ReturnStatement", "ThrowStatement"]);
const LOOPS = new Set(["ForStatement", "ForOfStatement", "ForInStatement", "WhileStatement"]);

/**
 * The same program, which calls `ran(file, first line, last line)` wherever it does something inside a function. Lines stay where
 * they are. An `if` is told of only where it is taken.
 */
export function tellingItsLines(file: string, source: string): string {
  const { program } = parseSync(file, source);
  const starts = [0, ...Array.from(source.matchAll(/\n/g), (match) => match.index + 1)];
  const lineOf = (at: number): number => starts.filter((start) => start <= at).length;
  const inserts: Insert[] = [];
  const tell = (at: number, from: number, to: number): void => {
    const [first, last] = [lineOf(from), lineOf(to)];
    inserts.push({ at, text: `__ran(${JSON.stringify(file)},${first}${last === first ? "" : `,${last}`});` });
  };
  const statement = (node: Node): void => {
    if (SIMPLE.has(node.type)) tell(node.start, node.start, node.end - 1);
    else if (LOOPS.has(node.type)) tell(node.start, node.start, node.start);
  };
  /** What an `if` or a loop does when it does it: a block begins by telling, anything else becomes a block. */
  const branch = (node: Node, from: number): void => {
    if (node.type === "IfStatement") return;
    if (node.type === "BlockStatement") return tell(node.start + 1, from, from);
    inserts.push({ at: node.start, text: "{" });
    tell(node.start, from, node.end - 1);
    inserts.push({ at: node.end, text: "}" });
  };
  const visit = (node: Node, inside: boolean): void => {
    const parts = node as unknown as Record<string, unknown>;
    const { body, consequent, alternate, test } = parts;
    const isFunction = /Function/.test(node.type) && isNode(body) && body.type === "BlockStatement";
    if (isFunction) tell(body.start + 1, node.start, node.start);
    if (inside) {
      if (node.type === "BlockStatement" || node.type === "SwitchCase") {
        const list = (Array.isArray(body) ? body : consequent) as readonly Node[];
        const [first] = list;
        if (node.type === "SwitchCase" && first !== undefined) tell(first.start, node.start, node.start);
        for (const one of list) statement(one);
      }
      if (node.type === "IfStatement" && isNode(consequent) && isNode(test)) {
        branch(consequent, node.start);
        if (isNode(alternate)) branch(alternate, alternate.start);
      }
      if (LOOPS.has(node.type) && isNode(body)) branch(body, body.start);
    }
    for (const child of Object.values(parts).flat()) if (isNode(child)) visit(child, inside || isFunction);
  };
  visit(program, false);
  return withInserts(source, inserts);
}

function withInserts(source: string, inserts: readonly Insert[]): string {
  const sorted = [...inserts.entries()].sort(([i, a], [j, b]) => a.at - b.at || i - j);
  let [text, from] = ["", 0];
  for (const [, { at, text: more }] of sorted) {
    text += source.slice(from, at) + more;
    from = at;
  }
  return text + source.slice(from);
}

const PROTOCOL = /\/packages\/lecture\/src\/(protocols\/[\w-]+\.ts)$/;

/** Lets the protocols of the lecture tell which of their lines run; `src/model/ran.ts` listens. */
export function ranLines(): Plugin {
  const listener = new URL("../src/model/ran.ts", import.meta.url).pathname;
  return {
    name: "ran-lines",
    enforce: "pre",
    transform(source, id) {
      const file = PROTOCOL.exec(id)?.[1];
      if (file === undefined) return null;
      return {
        code: `import{ran as __ran}from${JSON.stringify(listener)};${tellingItsLines(file, source)}`,
        map: null,
      };
    },
  };
}
