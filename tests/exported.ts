import { join } from "node:path";
import ts from "typescript";
import { read, root } from "./files.ts";

/** What users give or call: a property of an options type, or a member of a class or interface. */
export interface Member {
  readonly name: string;
  readonly optional: boolean;
  /** First words of its comment. */
  readonly doc: string;
}

const entry = (name: string): string => join(root, "packages", name, "src/index.ts");

/** The types that packages export, as the compiler sees their sources. */
export class Exported {
  readonly #checker: ts.TypeChecker;
  readonly #program: ts.Program;

  constructor(packages: readonly string[]) {
    const config = ts.parseConfigFileTextToJson("tsconfig.json", read("tsconfig.base.json")).config as {
      compilerOptions: object;
    };
    const { options } = ts.convertCompilerOptionsFromJson({ ...config.compilerOptions, types: ["node"] }, root);
    this.#program = ts.createProgram(packages.map(entry), options);
    this.#checker = this.#program.getTypeChecker();
  }

  /** @param path `node:NodeOptions`: package and exported type */
  members(path: string): Member[] {
    return this.#checker
      .getPropertiesOfType(this.#type(path))
      .filter(({ name }) => /^\w+$/.test(name) && !name.startsWith("__"))
      .map((property) => ({
        name: property.name,
        optional: (property.flags & ts.SymbolFlags.Optional) !== 0,
        doc: ts.displayPartsToString(property.getDocumentationComment(this.#checker)),
      }));
  }

  /** The texts that the property `kind` of a union has. */
  kinds(path: string): string[] {
    const kind = this.#checker.getPropertyOfType(this.#type(path), "kind");
    const type = kind === undefined ? undefined : this.#checker.getTypeOfSymbol(kind);
    const types = type?.isUnion() === true ? type.types : [type];
    return types.map((one) => (one?.isStringLiteral() === true ? one.value : `${path} has no kinds`));
  }

  /** The texts of which a type is one. */
  texts(path: string): string[] {
    const type = this.#type(path);
    const types = type.isUnion() ? type.types : [type];
    return types.map((one) => (one.isStringLiteral() ? one.value : `${path} is no union of texts`));
  }

  #type(path: string): ts.Type {
    const [name = "", wanted = ""] = path.split(":");
    const file = this.#program.getSourceFile(entry(name));
    const module = file && this.#checker.getSymbolAtLocation(file);
    const found = module && this.#checker.getExportsOfModule(module).find((one) => one.name === wanted);
    if (found === undefined) throw new Error(`@synod/${name} exports no ${wanted}`);
    const isAlias = (found.flags & ts.SymbolFlags.Alias) !== 0;
    return this.#checker.getDeclaredTypeOfSymbol(isAlias ? this.#checker.getAliasedSymbol(found) : found);
  }
}
