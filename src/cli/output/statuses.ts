import type { Output } from './output.js';
import { oneLine } from './text.js';

type Style = Parameters<Output['styled']>[0];

const styles: Readonly<Record<string, Style>> = {
  completed: 'green',
  healthy: 'green',
  running: 'cyan',
  active: 'cyan',
  starting: 'cyan',
  retrying: 'yellow',
  restarting: 'yellow',
  recovered: 'yellow',
  awaiting: 'blue',
  paused: 'blue',
  parked: 'blue',
  failed: 'red',
  failing: 'red',
  error: 'red',
  stalled: 'red',
  cancelled: 'magenta',
  cut: 'magenta',
};

/** The colour of a status. Statuses that need no attention have no colour. */
export function styleOf(status: string): Style | undefined {
  return Object.hasOwn(styles, status) ? styles[status] : undefined;
}

export function coloured(output: Output, status: string): string {
  const style = styleOf(status);
  return style === undefined ? oneLine(status) : output.styled(style, status);
}
