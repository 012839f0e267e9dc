import { wordOf } from '../../src/dashboard/graph/appearance.js';
import { Icon } from './icon.js';
import { lookOf, type Status as StatusName } from './looks.js';

/** A status with its colour, symbol and word. */
export function Status({ status, isLarge = false }: { readonly status: StatusName; readonly isLarge?: boolean }) {
  const { tone, sign } = lookOf(status);
  return (
    <span class={`status tone-${tone}${isLarge ? ' is-large' : ''}`} data-status={status}>
      <Icon name={sign} size={isLarge ? 16 : 14} />
      <span class="status-word">{wordOf(status)}</span>
    </span>
  );
}
