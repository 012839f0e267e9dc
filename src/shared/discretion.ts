import { hide } from './failures.js';

/** Where drivers keep the statement or command that failed, with the values in it: data of runs. */
const valuesOfDrivers = ['command', 'query', 'params', 'parameters', 'queryOptions'] as const;

/** Commands of Redis whose arguments are passwords. */
const passwordCommands = /^(auth|hello|acl|config|migrate)$/i;

/** Replies that repeat what was sent: `ERR unknown command 'auth', with args beginning with: 'ada' 'secret'`. */
const echo = /,? with args beginning with:.*/g;

/** User and password of an address. */
const login = /\/\/[^\s/@]*:[^\s@]*@/g;

/** How deep errors are in each other at most, as far as is looked. */
const deepest = 8;

/**
 * Keeps what a client was asked with out of logs and off terminals: statements and commands stay on its error, but are not
 * written with it. What may hold a password is removed: commands that log in, and addresses. Messages are cut where a server
 * repeats what it was sent.
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
    // An error that does not let itself be looked at, or changed, stays as it is.
  }
  return thrown;
}

/** A message without what a server was sent, and without the logins of addresses. */
export function discreetText(text: string): string {
  return text.replace(echo, '').replace(login, '//***@');
}
