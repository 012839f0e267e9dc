import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));
const file = `${root}test/types/generated.ts`;

/** An error of the compiler: the number of its line, counted from 1, the code that it underlines, and its message. */
export interface CompilerError {
  readonly line: number;
  readonly code: string;
  /** The lines of the message. */
  readonly message: readonly string[];
}

/** Compiles the lines of a file of this package, and returns the errors that TypeScript reports. */
export function errorsIn(lines: readonly string[]): CompilerError[] {
  return compile(lines).errors;
}

/** Does the same, and also counts the types that TypeScript has instantiated, as a measure of its work. */
export function compile(lines: readonly string[]): { errors: CompilerError[]; instantiations: number } {
  const text = lines.join('\n');
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => name === file || fileExists(name);
  host.getSourceFile = (name, languageVersion) =>
    name === file ? ts.createSourceFile(name, text, languageVersion, true) : getSourceFile(name, languageVersion);
  const program = ts.createProgram([file], options, host);
  const source = program.getSourceFile(file);
  const errors = program.getSemanticDiagnostics(source).map(({ start = 0, length = 0, messageText }) => ({
    line: (source?.getLineAndCharacterOfPosition(start).line ?? 0) + 1,
    code: text.slice(start, start + length),
    message: ts.flattenDiagnosticMessageText(messageText, '\n').split('\n'),
  }));
  return { errors, instantiations: program.getInstantiationCount() };
}
