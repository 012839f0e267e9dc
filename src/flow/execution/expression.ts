import { type ASTNode, Environment } from '@marcbachmann/cel-js';
import { ExpressionError } from '../errors.js';

/** What an expression may refer to, by name. */
export type ExpressionScope = Readonly<Record<string, unknown>>;

/** An expression that was parsed. */
export type Expression = (scope: ExpressionScope) => unknown;

/** Parses the expressions that conditions, transforms and inputs in data are written in. */
export interface Evaluator {
  /**
   * @param variables - what it may refer to. Default: anything
   * @throws {ExpressionError} for what is no expression, or one that is not allowed
   */
  parse(expression: string, variables?: readonly string[]): Expression;
}

/** Longer expressions are refused. */
const longestExpression = 2_000;

/** How many expressions are kept parsed. */
const mostKept = 10_000;

/** Operations whose time is not bounded by the sizes of what they work on. */
const unbounded = new Set(['matches']);

/** Macros that go through a list. Inside each other they would multiply. */
const macros = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

/** Functions that give whole numbers. */
const counting = new Set([
  ...['size', 'indexOf', 'lastIndexOf', 'int', 'getFullYear', 'getMonth', 'getDate', 'getDayOfMonth', 'getDayOfWeek'],
  ...['getDayOfYear', 'getHours', 'getMinutes', 'getSeconds', 'getMilliseconds'],
]);

/** Longer lists are not gone through by macros whose body may itself take as long as its data is large. */
const longestList = 10_000;

/**
 * The default evaluator: CEL, the Common Expression Language (https://cel.dev), a small language of paths, comparisons
 * and arithmetic that was made for such conditions. It sees own properties of plain data and nothing else: no prototype,
 * no constructor, no global. It has no loops and no assignments. Regular expressions (`matches`), macros inside macros,
 * and macros that go through more than 10,000 elements and do much with each are refused, so that the time that an
 * expression takes is bounded.
 *
 * Numbers are those of JavaScript: `output.count * 2` needs no `2.0`, `7 / 2` is 3.5, and no BigInt comes out but from data.
 */
export class CelEvaluator implements Evaluator {
  readonly #environments = new Map<string, Environment>();
  readonly #parsed = new Map<string, Expression>();

  parse(expression: string, variables?: readonly string[]): Expression {
    const names = variables?.join() ?? '';
    const key = `${names}:${expression}`;
    const known = this.#parsed.get(key);
    if (known !== undefined) return known;
    const parsed = parse(expression, this.#environmentFor(names, variables));
    if (this.#parsed.size >= mostKept) this.#parsed.clear();
    this.#parsed.set(key, parsed);
    return parsed;
  }

  #environmentFor(names: string, variables: readonly string[] | undefined): Environment {
    const known = this.#environments.get(names) ?? celEnvironment(variables);
    this.#environments.set(names, known);
    return known;
  }
}

function parse(expression: string, environment: Environment): Expression {
  if (expression.length > longestExpression) {
    throw new ExpressionError(expression, `is longer than ${longestExpression} characters`);
  }
  return guarded(expression, 'cannot be parsed', () => {
    const { ast } = environment.parse(expression);
    const problem = refusal(ast, false);
    if (problem !== undefined) throw new ExpressionError(expression, problem);
    const evaluate = environment.parse(rewritten(expression, ast));
    const { valid, error } = evaluate.check();
    if (!valid) throw error;
    return (scope) => guarded(expression, 'cannot be evaluated', () => evaluate(scope as Record<string, unknown>));
  });
}

function guarded<Result>(expression: string, problem: string, work: () => Result): Result {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof ExpressionError) throw cause;
    const [reason] = String((cause as Error | undefined)?.message).split('\n');
    throw new ExpressionError(expression, `${problem}: ${reason}`, { cause });
  }
}

function celEnvironment(variables: readonly string[] | undefined): Environment {
  const environment = new Environment({
    unlistedVariablesAreDyn: variables === undefined,
    homogeneousAggregateLiterals: false,
    limits: { maxAstNodes: 1_000, maxDepth: 50 },
  });
  for (const variable of variables ?? []) environment.registerVariable(variable, 'dyn');
  const operations: Record<string, (a: number, b: number) => number> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => a / b,
    '%': (a, b) => a % b,
  };
  // A BigInt in data is a whole number of CEL's; beside a number it counts as one.
  for (const [operator, operation] of Object.entries(operations)) {
    const mixed = (a: unknown, b: unknown) => operation(Number(a), Number(b));
    environment.registerOperator(`double ${operator} int`, mixed);
    environment.registerOperator(`int ${operator} double`, mixed);
  }
  environment.registerOperator('double % double', (a, b) => (a as number) % (b as number));
  environment.registerFunction('divisor(dyn): dyn', (divisor: unknown) => {
    if (Number(divisor) === 0 && typeof divisor !== 'string') throw new Error('division by zero');
    return divisor;
  });
  environment.registerFunction('short(dyn): dyn', (list: unknown) => {
    const { length = 0, size = length } = Object(list) as { length?: number; size?: number };
    if (size > longestList) throw new Error(`more than ${longestList} elements; register a function for that`);
    return list;
  });
  return environment;
}

/** Why an expression is not allowed, if it is not. */
function refusal(node: ASTNode, insideMacro: boolean): string | undefined {
  const name = node.op === 'call' || node.op === 'rcall' ? node.args[0] : '';
  if (unbounded.has(name)) return `must not use ${name}: its time has no bound; register a function for it`;
  const isMacro = node.op === 'rcall' && macros.has(name);
  if (isMacro && insideMacro) {
    return `must not nest ${[...macros].join(', ')} in each other: their time has no bound; register a function for it`;
  }
  for (const operand of operandsOf(node.args)) {
    const problem = refusal(operand, insideMacro || isMacro);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Text to put in the place of a part of another: from `start` up to, not including, `end`. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The expression with JavaScript's numbers: whole numbers are written as doubles, but where CEL wants whole ones. */
function rewritten(expression: string, ast: ASTNode): string {
  const edits: Edit[] = [];
  collect(ast, { shape: shapeOf(expression, ast), edits });
  edits.sort((a, b) => b.start - a.start || b.end - a.end);
  return edits.reduce((text, { start, end, text: by }) => text.slice(0, start) + by + text.slice(end), expression);
}

/** An expression that is being rewritten. */
interface Rewriting {
  /** The expression with blanks in the place of its texts: what looks like a parenthesis is one. */
  readonly shape: string;
  readonly edits: Edit[];
}

function shapeOf(expression: string, { op, args, start, end }: ASTNode): string {
  if (op !== 'value') return operandsOf(args).reduce(shapeOf, expression);
  return typeof args === 'string'
    ? expression.slice(0, start) + ' '.repeat(end - start) + expression.slice(end)
    : expression;
}

function collect(node: ASTNode, to: Rewriting): void {
  const { op, args, start, end } = node;
  if (op === 'value' && typeof args === 'bigint') {
    if (!Number.isSafeInteger(Number(args))) throw new Error(`integer overflow: ${args} has no exact number`);
    to.edits.push({ start, end, text: `${args}.0` });
  } else if (op === 'rcall' && macros.has(args[0])) {
    if (args[2].slice(1).some(isCostly)) wrap(args[1], 'short', to);
    for (const part of [args[1], ...args[2].slice(1)]) collect(part, to);
  } else if (op === 'call' || op === 'rcall') {
    if (counting.has(args[0])) wrap(node, 'double', to);
    if (op === 'rcall') collect(args[1], to);
    for (const argument of operandsOf(args.at(-1))) collectMacros(argument, to);
  } else if (op === '[]' || op === '[?]') {
    collect(args[0] as ASTNode, to);
    collectMacros(args[1] as ASTNode, to);
  } else if (op === '/' || op === '%') {
    wrap(args[1] as ASTNode, 'divisor', to);
    for (const operand of operandsOf(args)) collect(operand, to);
  } else for (const operand of operandsOf(args)) collect(operand, to);
}

/** Arguments and indices keep CEL's whole numbers; macros in them are bounded like all. */
function collectMacros(node: ASTNode, to: Rewriting): void {
  if (node.op === 'rcall' && macros.has(node.args[0])) collect(node, to);
  else for (const operand of operandsOf(node.args)) collectMacros(operand, to);
}

/** Whether the time that a part takes may depend on the size of the data. */
function isCostly({ op, args }: ASTNode): boolean {
  return ['call', 'rcall', 'in', '+', 'list', 'map'].includes(op) || operandsOf(args).some(isCostly);
}

function wrap(node: ASTNode, name: string, { shape, edits }: Rewriting): void {
  const { start, end } = wholeOf(node, shape);
  edits.push({ start, end: start, text: `${name}(` }, { start: end, end, text: ')' });
}

/** Where a part stands. Its own positions leave out a parenthesis around its first or last operand: `a) + (b`. */
function wholeOf(
  { start: first, end: last }: ASTNode,
  shape: string,
): { readonly start: number; readonly end: number } {
  let [start, end, open, closed] = [first, last, 0, 0];
  for (const character of shape.slice(first, last)) {
    if (character === '(') open++;
    else if (character === ')' && open > 0) open--;
    else if (character === ')') closed++;
  }
  while (closed > 0) if (shape[--start] === '(') closed--;
  while (open > 0) if (shape[end++] === ')') open--;
  return { start, end };
}

function operandsOf(args: unknown): ASTNode[] {
  if (isNode(args)) return [args];
  return Array.isArray(args) ? args.flatMap(operandsOf) : [];
}

function isNode(value: unknown): value is ASTNode {
  return typeof (value as ASTNode | null)?.op === 'string';
}
