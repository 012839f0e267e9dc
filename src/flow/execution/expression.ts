import { type ASTNode, Environment } from '@marcbachmann/cel-js';
import { ExpressionError } from '../errors.js';

/**
 * The values that an expression may refer to, by name. Conditions and transforms of edges see `result`, `output`,
 * `action` and `context`; inputs see `context` and `params`.
 */
export type ExpressionScope = Readonly<Record<string, unknown>>;

/**
 * A parsed expression: a function that takes the values that the expression refers to, and returns the result.
 *
 * @throws {ExpressionError} if the expression cannot be evaluated with these values
 */
export type Expression = (scope: ExpressionScope) => unknown;

/**
 * Parses the expressions in blueprints: conditions and transforms of edges, and inputs of nodes. The default evaluator
 * understands CEL. To support another language, implement this interface and pass the implementation as the `evaluator`
 * option of a `FlowRuntime`.
 */
export interface Evaluator {
  /**
   * Parses an expression. All expressions of a blueprint are parsed before it runs, so that mistakes are reported
   * before any node is executed.
   *
   * @param expression - the text of the expression
   * @param variables - the names that the expression may refer to. Default: any name
   * @throws {ExpressionError} if the text is not a valid expression, or if the expression is not allowed
   */
  parse(expression: string, variables?: readonly string[]): Expression;
}

/** The maximum length of an expression, in characters. */
const longestExpression = 2_000;

/** The maximum number of parsed expressions in the cache. */
const mostKept = 10_000;

/** Operations whose running time is not bounded by the size of their operands. */
const unbounded = new Set(['matches']);

/** Macros that iterate over a list. Nested macros would multiply their running time. */
const macros = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

/** Functions that return whole numbers. */
const counting = new Set([
  ...['size', 'indexOf', 'lastIndexOf', 'int', 'getFullYear', 'getMonth', 'getDate', 'getDayOfMonth', 'getDayOfWeek'],
  ...['getDayOfYear', 'getHours', 'getMinutes', 'getSeconds', 'getMilliseconds'],
]);

/**
 * Maximum number of elements in a list that a macro iterates over, if the running time of the macro's body may itself
 * depend on the size of the data.
 */
const longestList = 10_000;

/**
 * The default evaluator. It understands CEL, the Common Expression Language (https://cel.dev): paths, comparisons and
 * arithmetic, without loops and assignments. An expression can read only own properties of plain data; prototypes,
 * constructors and globals are out of reach.
 *
 * The running time of an expression is bounded. Regular expressions (`matches`) and nested macros are refused. A macro
 * with a costly body fails for lists of more than 10,000 elements.
 *
 * Numbers are JavaScript numbers: `output.count * 2` works without writing `2.0`, and `7 / 2` is 3.5. A result is a
 * BigInt only if it comes from a BigInt in the data.
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
  // A BigInt in the data is an integer in CEL. If the other operand is a number, the BigInt is converted to a number.
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
    if (size > longestList) throw new Error(`more than ${longestList} elements; register a function instead`);
    return list;
  });
  return environment;
}

/** Returns the reason why an expression is not allowed, or `undefined` if it is allowed. */
function refusal(node: ASTNode, insideMacro: boolean): string | undefined {
  const name = node.op === 'call' || node.op === 'rcall' ? node.args[0] : '';
  if (unbounded.has(name)) return `must not use ${name}: its running time is unlimited; register a function instead`;
  const isMacro = node.op === 'rcall' && macros.has(name);
  if (isMacro && insideMacro) {
    return `must not nest ${[...macros].join(', ')} in each other: their running time is unlimited; register a function instead`;
  }
  for (const operand of operandsOf(node.args)) {
    const problem = refusal(operand, insideMacro || isMacro);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** A replacement of the characters from `start` up to, but not including, `end`. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * Rewrites an expression so that it calculates with JavaScript numbers: integers are written as doubles, except in
 * places that need a CEL integer.
 */
function rewritten(expression: string, ast: ASTNode): string {
  const edits: Edit[] = [];
  collect(ast, { shape: shapeOf(expression, ast), edits });
  edits.sort((a, b) => b.start - a.start || b.end - a.end);
  return edits.reduce((text, { start, end, text: by }) => text.slice(0, start) + by + text.slice(end), expression);
}

/** An expression that is being rewritten. */
interface Rewriting {
  /**
   * The expression with the contents of string literals blanked out, so that every remaining parenthesis belongs to the
   * syntax.
   */
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

/**
 * Leaves arguments and indices unchanged, because they must be CEL integers. Macros inside them are bounded like any
 * other macro.
 */
function collectMacros(node: ASTNode, to: Rewriting): void {
  if (node.op === 'rcall' && macros.has(node.args[0])) collect(node, to);
  else for (const operand of operandsOf(node.args)) collectMacros(operand, to);
}

/** Returns true if the running time of a subexpression may depend on the size of the data. */
function isCostly({ op, args }: ASTNode): boolean {
  return ['call', 'rcall', 'in', '+', 'list', 'map'].includes(op) || operandsOf(args).some(isCostly);
}

function wrap(node: ASTNode, name: string, { shape, edits }: Rewriting): void {
  const { start, end } = wholeOf(node, shape);
  edits.push({ start, end: start, text: `${name}(` }, { start: end, end, text: ')' });
}

/**
 * Returns the extent of a subexpression, including parentheses. The parser's positions omit a parenthesis around the
 * first or last operand, as in `a) + (b`.
 */
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
