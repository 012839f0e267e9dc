import type { Command } from 'commander';
import { candidates } from '../../completion/candidates.js';
import { type Shell, scripts } from '../../completion/scripts.js';
import type { Session } from '../../session.js';

/** Writes the script for a shell. */
export function script(session: Session, shell: Shell): void {
  session.stdout.text(scripts[shell]);
}

/** Writes the candidates for the last word. */
export function complete(session: Session, words: readonly string[], _flags: unknown, { parent }: Command): void {
  for (const candidate of candidates(parent as Command, words)) session.stdout.line(candidate);
}
