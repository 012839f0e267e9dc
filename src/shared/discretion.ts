import { hide } from './failures.js';

/** Fields in which drivers keep the failed statement or command. They can contain data of runs. */
const valuesOfDrivers = ['command', 'query', 'params', 'parameters', 'queryOptions'] as const;

/** Redis commands that take passwords as arguments. */
const passwordCommands = /^(auth|hello|acl|config|migrate)$/i;

/**
 * Matches the part of a reply that repeats the request: `ERR unknown command 'auth', with args beginning with: 'ada'
 * 'secret'`.
 */
const echo = /,? with args beginning with:.*/g;

/** Matches the user and password of an address. */
const login = /\/\/[^\s/@]*:[^\s@]*@/g;

/** Maximum depth of nested errors that are searched. */
const deepest = 8;

/**
 * Keeps requests to a database out of logs and terminals. Statements and commands stay on the error as fields, but are
 * not printed with it. Possible passwords are removed: the arguments of commands that log in, and the logins in
 * addresses. Messages are cut at the point at which a server repeats the request.
 *
 * @returns the error
 */
export function discreet<Thrown>(thrown: Thrown, depth = 0): Thrown {
  if (!(thrown instanceof Error) || depth > deepest) return thrown;
  const error = thrown as Error & Record<string, unknown>;
  try {
    const { name } = Object(error.command) as { readonly name?: unknown };
    if (passwordCommands.test(String(name))) error.command = { name };
    delete error.input;
    for (const field of ['message', 'stack', 'address'] as const) {
      const told = error[field];
      if (typeof told !== 'string') continue;
      const text = discreetText(told);
      if (text !== told) error[field] = text;
    }
    for (const field of valuesOfDrivers) {
      if (Object.getOwnPropertyDescriptor(error, field)?.configurable) hide(error, field, error[field]);
    }
    for (const inner of [error.cause, error.lastNodeError]) discreet(inner, depth + 1);
    for (const inner of [error.errors, error.previousErrors]) {
      for (const one of Object.values(Object(inner))) discreet(one, depth + 1);
    }
  } catch {
    // An error that cannot be read or changed stays as it is.
  }
  return thrown;
}

/** Removes repeated requests and the logins in addresses from a message. */
export function discreetText(text: string): string {
  return text.replace(echo, '').replace(login, '//***@');
}
