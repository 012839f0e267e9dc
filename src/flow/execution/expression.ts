import { type ASTNode, Environment } from '@marcbachmann/cel-js';
import { ExpressionError } from '../errors.js';

/** What an expression may refer to, by name. */
export type ExpressionScope = Readonly<Record<string, unknown>>;

/** An expression that was parsed. */
export type Expression = (scope: ExpressionScope) => unknown;

/** Parses the expressions that conditions, transforms and inputs in data are written in. */
export interface Evaluator {
  /** @throws {ExpressionError} for what is no expression, or one that is not allowed */
  parse(expression: string): Expression;
}

/** Longer expressions are refused. */
const longestExpression = 2_000;

/** Operations whose time is not bounded by the sizes of what they work on. */
const unbounded = new Set(['matches']);

/** Macros that go through a list. Inside each other they would multiply. */
const macros = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

/** How deep such macros may stand inside each other. */
const deepestMacro = 1;

type Operand = ASTNode['args'];

/**
 * The default evaluator: CEL, the Common Expression Language (https://cel.dev), a small language of paths, comparisons
 * and arithmetic that was made for such conditions. It sees own properties of plain data and nothing else: no prototype,
 * no constructor, no global. It has no loops and no assignments. Regular expressions (`matches`) and deeply nested
 * macros are refused, so that the time that an expression takes is bounded by its length and its data.
 *
 * A number in an expression means what it means in JavaScript: `output.count * 2` needs no `2.0`.
 */
export class CelEvaluator implements Evaluator {
  readonly #environment = celEnvironment();
  readonly #parsed = new Map<string, Expression>();

  parse(expression: string): Expression {
    const known = this.#parsed.get(expression);
    if (known !== undefined) return known;
    const parsed = this.#parse(expression);
    if (this.#parsed.size >= 10_000) this.#parsed.clear();
    this.#parsed.set(expression, parsed);
    return parsed;
  }

  #parse(expression: string): Expression {
    if (expression.length > longestExpression) {
      throw new ExpressionError(expression, `is longer than ${longestExpression} characters`);
    }
    const evaluate = guarded(expression, 'cannot be parsed', () => this.#environment.parse(expression));
    const problem = refusal(evaluate.ast, 0);
    if (problem !== undefined) throw new ExpressionError(expression, problem);
    return (scope) =>
      guarded(expression, 'cannot be evaluated', () =>
        withNumbers(evaluate.ast, evaluate(scope as Record<string, unknown>)),
      );
  }
}

function guarded<Result>(expression: string, problem: string, work: () => Result): Result {
  try {
    return work();
  } catch (cause) {
    const [reason] = String((cause as Error | undefined)?.message).split('\n');
    throw new ExpressionError(expression, `${problem}: ${reason}`, { cause });
  }
}

function celEnvironment(): Environment {
  const environment = new Environment({
    unlistedVariablesAreDyn: true,
    homogeneousAggregateLiterals: false,
    limits: { maxAstNodes: 500, maxDepth: 50 },
  });
  const operations: Record<string, (a: number, b: number) => number> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => a / b,
    '%': (a, b) => a % b,
  };
  for (const [operator, operation] of Object.entries(operations)) {
    const mixed = (a: unknown, b: unknown) => operation(Number(a), Number(b));
    environment.registerOperator(`double ${operator} int`, mixed);
    environment.registerOperator(`int ${operator} double`, mixed);
  }
  environment.registerOperator('double % double', (a, b) => (a as number) % (b as number));
  return environment;
}

/** Why an expression is not allowed, if it is not. */
function refusal(node: ASTNode, depth: number): string | undefined {
  const name = node.op === 'call' || node.op === 'rcall' ? node.args[0] : '';
  if (unbounded.has(name)) return `must not use ${name}: its time has no bound; register a function for it`;
  const inner = node.op === 'rcall' && macros.has(name) ? depth + 1 : depth;
  if (inner > deepestMacro)
    return `must not nest ${[...macros].join(', ')} in each other: their time has no bound; register a function for it`;
  return operandsOf(node.args)
    .map((operand) => refusal(operand, inner))
    .find((problem) => problem !== undefined);
}

function operandsOf(args: Operand | readonly unknown[]): ASTNode[] {
  if (isNode(args)) return [args];
  return Array.isArray(args) ? args.flatMap((arg: unknown) => operandsOf(arg as Operand)) : [];
}

function isNode(value: unknown): value is ASTNode {
  return typeof (value as ASTNode | null)?.op === 'string';
}

/** CEL's whole numbers are BigInts; what an expression computes comes out as numbers. Data is passed on as it is. */
function withNumbers({ op, args }: ASTNode, value: unknown): unknown {
  if (op === 'id' || op === '.' || op === '[]') return value;
  if (op === 'list') return (value as unknown[]).map((item, index) => withNumbers(args[index] as ASTNode, item));
  if (op === '?:') return typeof value === 'bigint' ? Number(value) : value;
  if (op === 'map') {
    const values = Object.values(value as object);
    const keys = Object.keys(value as object);
    return Object.fromEntries(
      keys.map((key, index) => [key, withNumbers((args[index] as [ASTNode, ASTNode])[1], values[index])]),
    );
  }
  return typeof value === 'bigint' ? Number(value) : value;
}
