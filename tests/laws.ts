import { builtinModules } from "node:module";
import { posix } from "node:path";
import ts from "typescript";

/**
 * Who may import whom: docs/ARCHITECTURE.md, section 1. The first pattern that matches a package is its rule; a package
 * without a rule is an error. An entry may name a subpath: then only that subpath.
 */
const rules: [pattern: RegExp, mayImport: string[]][] = [
  [/^interface$/, []],
  [/^(paxos|rsm|linearizability)$/, ["interface"]],
  [/^multipaxos$/, ["paxos", "interface"]],
  [/^codec-msgpack$/, ["multipaxos", "interface"]],
  [/^(codec-.+|transport-.+|storage-.+|metrics-.+|conformance)$/, ["interface"]],
  [/^node$/, ["multipaxos", "rsm", "interface"]],
  [/^client$/, ["interface", "codec-msgpack", "transport-tcp/framing"]],
  [/^server$/, ["client", "interface"]],
  [/^coordination$/, ["interface", "rsm"]],
  [/^simulator$/, ["multipaxos", "rsm", "node", "linearizability", "conformance", "interface"]],
  [/^lecture$/, ["paxos", "multipaxos", "interface"]],
  [/^explorer$/, ["paxos", "multipaxos", "interface"]],
];

/** No clock, no chance, no promise, no timer, no I/O; and nothing that differs between machines. */
const pure = /^(paxos|multipaxos|rsm|linearizability|lecture)$/;
/** Run unchanged in a browser. */
const browserSafe =
  /^(interface|paxos|multipaxos|rsm|linearizability|lecture|codec-msgpack|.+-memory|simulator|explorer|conformance|coordination)$/;

const nodeGlobals = ["process", "Buffer", "require", "__dirname", "__filename", "setImmediate", "clearImmediate"];
const impureGlobals = `
  Date performance crypto Temporal
  setTimeout setInterval setImmediate queueMicrotask requestAnimationFrame scheduler
  Promise PromiseLike Atomics WeakRef FinalizationRegistry
  fetch console process globalThis window self eval Function Intl`
  .trim()
  .split(/\s+/);
const localeMethods = ["localeCompare", "toLocaleString", "toLocaleLowerCase", "toLocaleUpperCase"];

export const mayImport = (name: string): string[] | undefined => rules.find(([pattern]) => pattern.test(name))?.[1];

export interface Import {
  specifier: string;
  line: number;
}

const parse = (path: string, text: string): ts.SourceFile =>
  ts.createSourceFile(path, text, ts.ScriptTarget.Latest, /* setParentNodes */ true);

/** A file with a checker that knows nothing but this file: what it cannot resolve there is a global. */
function bind(path: string, text: string): { file: ts.SourceFile; checker: ts.TypeChecker } {
  const file = parse(path, text);
  const options: ts.CompilerOptions = { noLib: true, noResolve: true, types: [], target: ts.ScriptTarget.Latest };
  const host: ts.CompilerHost = {
    getSourceFile: (name) => (name === path ? file : undefined),
    fileExists: (name) => name === path,
    readFile: () => undefined,
    writeFile: () => undefined,
    getDefaultLibFileName: () => "",
    getCurrentDirectory: () => "",
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => "\n",
  };
  return { file, checker: ts.createProgram([path], options, host).getTypeChecker() };
}

const lineOf = (node: ts.Node): number => {
  const file = node.getSourceFile();
  return file.getLineAndCharacterOfPosition(node.getStart()).line + 1;
};

function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  node.forEachChild((child) => visit(child, see));
}

/** Static and dynamic imports, re-exports and `import("x")` types of a source file. */
export function importsOf(path: string, text: string): Import[] {
  const found: Import[] = [];
  const add = (node: ts.Node | undefined): void => {
    if (node && ts.isStringLiteralLike(node)) found.push({ specifier: node.text, line: lineOf(node) });
    else if (node) found.push({ specifier: "(computed)", line: lineOf(node) });
  };
  visit(parse(path, text), (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier);
    else if (ts.isImportTypeNode(node))
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument);
    else if (ts.isExternalModuleReference(node)) add(node.expression);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0]);
  });
  return found;
}

/** What a source file of `packages/<name>/src` does against the laws; each complaint with its file and line. */
export function complaints(name: string, path: string, text: string): string[] {
  return [...importComplaints(name, path, text), ...globalComplaints(name, path, text)];
}

function importComplaints(name: string, path: string, text: string): string[] {
  const allowed = mayImport(name);
  if (!allowed) return [`${path}: no rule says what @synod/${name} may import: add one to tests/laws.ts`];
  return importsOf(path, text).flatMap(({ specifier, line }) => {
    const at = `${path}:${line}`;
    if (specifier.startsWith(".")) {
      const inside = posix.join(posix.dirname(path), specifier).startsWith(`packages/${name}/src/`);
      return inside ? [] : [`${at} leaves its package: ${specifier}`];
    }
    if (specifier.startsWith("@synod/")) {
      const wanted = specifier.slice("@synod/".length);
      const [target = ""] = wanted.split("/");
      if (wanted === "interface/host" && pure.test(name))
        return [`${at} may not import ${specifier}: the core is pure`];
      return allowed.includes(target) || allowed.includes(wanted) ? [] : [`${at} may not import ${specifier}`];
    }
    if (pure.test(name)) return [`${at} may not import ${specifier}: the core is pure`];
    const builtin = specifier.startsWith("node:") || builtinModules.includes(specifier);
    return builtin && browserSafe.test(name) ? [`${at} may not import ${specifier}: it runs in browsers too`] : [];
  });
}

function globalComplaints(name: string, path: string, text: string): string[] {
  const forbidden = new Set([
    ...(browserSafe.test(name) ? nodeGlobals : []),
    ...(pure.test(name) ? impureGlobals : []),
  ]);
  const found: string[] = [];
  const complain = (node: ts.Node, what: string): void => {
    found.push(`${path}:${lineOf(node)} may not use ${what}`);
  };
  const { file, checker } = bind(path, text);
  const isGlobal = (node: ts.Identifier): boolean => !isOnlyAName(node) && !isDeclaredHere(node, checker);
  visit(file, (node) => {
    if (ts.isIdentifier(node) && forbidden.has(node.text) && isGlobal(node)) complain(node, node.text);
    if (!pure.test(name)) return;
    if (node.kind === ts.SyntaxKind.AsyncKeyword) complain(node, "async");
    if (ts.isAwaitExpression(node)) complain(node, "await");
    if (ts.isForOfStatement(node) && node.awaitModifier) complain(node, "for await");
    if (ts.isVariableDeclarationList(node) && (node.flags & ts.NodeFlags.AwaitUsing) === ts.NodeFlags.AwaitUsing) {
      complain(node, "await using");
    }
    if (ts.isIdentifier(node) && node.text === "Math" && isGlobal(node) && !isHarmlessMath(node)) {
      complain(node, "Math.random");
    }
    if (ts.isPropertyAccessExpression(node) && localeMethods.includes(node.name.text)) complain(node, node.name.text);
  });
  return found;
}

/** `Math.max` is harmless; `Math.random` is not, nor is `Math` as a value, through which `random` can be had. */
const isHarmlessMath = ({ parent }: ts.Identifier): boolean =>
  ts.isPropertyAccessExpression(parent) && parent.name.text !== "random";

/** Does the file itself declare what the name stands for (a parameter `window`, say)? `declare const Date` does not. */
function isDeclaredHere(node: ts.Identifier, checker: ts.TypeChecker): boolean {
  const symbol = ts.isShorthandPropertyAssignment(node.parent)
    ? checker.getShorthandAssignmentValueSymbol(node.parent)
    : checker.getSymbolAtLocation(node);
  const declarations = symbol?.declarations ?? [];
  return declarations.some((one) => (ts.getCombinedModifierFlags(one) & ts.ModifierFlags.Ambient) === 0);
}

/** Is it the name of a member (`clock.performance`, `{ process: 1 }`), and so not the global? */
function isOnlyAName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isQualifiedName(parent)) return parent.right === node;
  if (ts.isBindingElement(parent)) return parent.propertyName === node;
  return (
    (ts.isPropertyAssignment(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isMethodSignature(parent) ||
      ts.isMethodDeclaration(parent) ||
      ts.isGetAccessorDeclaration(parent) ||
      ts.isEnumMember(parent)) &&
    parent.name === node
  );
}
