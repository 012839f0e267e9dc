import { hostname } from 'node:os';

/** The name of this program among others: its process id and its host. */
export function thisProgram(): string {
  return `process ${process.pid} on ${hostname()}`;
}
