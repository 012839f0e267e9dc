import type { NodeStatus, Overview, RunSummary } from '../../src/dashboard/api/index.js';
import { type Sign, signOf, type Tone, toneOf, tones } from '../../src/dashboard/graph/appearance.js';

type RunStatus = RunSummary['status'];
type LoopState = 'stopped' | 'starting' | 'running' | 'paused' | 'restarting' | 'stopping' | 'error';
type Health = NonNullable<Overview['loops']>['status'];
export type Status = RunStatus | NodeStatus | LoopState | Health | 'alive' | 'silent';

/** Statuses of runs, in the order in which they are shown. */
export const runStatuses: readonly RunStatus[] = [
  'running',
  'awaiting',
  'scheduled',
  'paused',
  'completed',
  'failed',
  'cancelled',
  'stalled',
];

const others: Readonly<Record<Exclude<Status, NodeStatus>, readonly [Tone, Sign]>> = {
  scheduled: ['slate', 'clock'],
  paused: ['amber', 'pause'],
  cancelled: ['plum', 'slash'],
  stalled: ['pink', 'alert'],
  stopped: ['grey', 'square'],
  starting: ['blue', 'dots'],
  restarting: ['orange', 'again'],
  stopping: ['amber', 'hourglass'],
  error: ['red', 'cross'],
  healthy: ['green', 'check'],
  failing: ['orange', 'alert'],
  alive: ['green', 'check'],
  silent: ['red', 'alert'],
};

export function lookOf(status: Status): { readonly tone: Tone; readonly sign: Sign } {
  if (status in toneOf) return { tone: toneOf[status as NodeStatus], sign: signOf[status as NodeStatus] };
  const [tone, sign] = others[status as keyof typeof others] ?? ['grey', 'ring'];
  return { tone, sign };
}

/** Defines the colours as CSS variables of the page: `--blue-ink`, `--blue-tint`, `--blue-solid`. */
export function applyColours(): void {
  const { style } = document.documentElement;
  for (const [tone, { light, dark }] of Object.entries(tones)) {
    for (const part of ['ink', 'tint', 'solid'] as const) {
      style.setProperty(`--${tone}-${part}`, `light-dark(${light[part]}, ${dark[part]})`);
    }
  }
}
