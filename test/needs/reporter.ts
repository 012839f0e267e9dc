import { stripVTControlCharacters } from 'node:util';
import type { Reporter, TestModule } from 'vitest/node';
import { type Program, programs } from './programs.js';

/** Says at the end which tests were skipped for want of what, and how to get it. */
export default class NeedsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = new Map<string, number>();
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        const need = /\(needs ([\w-]+)\)/.exec(stripVTControlCharacters(test.fullName))?.[1];
        if (need !== undefined) counts.set(need, (counts.get(need) ?? 0) + 1);
      }
    }
    if (counts.size === 0) return;
    const lines = [...counts].map(([need, count]) => `  ${count} for want of ${need}: ${howToGet(need)}`);
    process.stdout.write(`\nSkipped, since this machine does not have what they need:\n${lines.join('\n')}\n\n`);
  }
}

function howToGet(need: string): string {
  return need in programs
    ? programs[need as Program].howToGetIt
    : 'npm brings it, but it does not run here; it needs glibc, and as root a user `nobody`';
}
