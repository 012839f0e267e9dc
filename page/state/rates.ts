import type { LoopsView } from '../../src/dashboard/api/index.js';

/** Iteration rates by loop: one value per second for the last two minutes, collected while the page is open. */
const kept = 120;
const second = 1_000;
const ratesOf = new Map<string, { at: number; readonly rates: number[] }>();

export function remember(loops: LoopsView['loops']): void {
  const at = Math.floor(Date.now() / second);
  for (const { loopId, iterationsPerSecond } of loops) {
    const known = ratesOf.get(loopId);
    if (known === undefined) {
      ratesOf.set(loopId, { at, rates: [iterationsPerSecond] });
      continue;
    }
    const missed = Math.min(at - known.at, kept);
    if (missed <= 0) known.rates[known.rates.length - 1] = iterationsPerSecond;
    else known.rates.push(...Array.from({ length: missed }, () => iterationsPerSecond));
    known.at = at;
    known.rates.splice(0, known.rates.length - kept);
  }
}

/** The rates of a loop, oldest first. */
export function recentRates(loopId: string): readonly number[] {
  return ratesOf.get(loopId)?.rates ?? [];
}
