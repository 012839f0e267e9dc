import { count, shortCount } from '../../format.js';
import { Icon } from '../../parts/icon.js';
import { lookOf, runStatuses } from '../../parts/looks.js';
import { overview } from '../../state/live.js';
import { useStore } from '../../state/store.js';
import type { RunsQuery } from './query.js';

interface StatusChipsProps {
  readonly query: RunsQuery;
  readonly onChange: (changes: Partial<RunsQuery>) => void;
}

/** Number of runs by status. Each chip filters the list by its status, and several chips can be active. */
export function StatusChips({ query: { statuses }, onChange }: StatusChipsProps) {
  const counts = useStore(overview, (known) => known?.distributed?.runs);
  const total = counts && runStatuses.reduce((sum, status) => sum + counts[status], 0);
  const toggle = (status: string) => {
    const rest = statuses.filter((chosen) => chosen !== status);
    onChange({ statuses: rest.length < statuses.length ? rest : [...statuses, status] });
  };
  return (
    <fieldset class="chips">
      <legend class="off-screen">Status</legend>
      <button
        type="button"
        class="chip"
        aria-pressed={statuses.length === 0}
        onClick={() => onChange({ statuses: [] })}
      >
        <span class="chip-word">All runs</span>
        <span class="chip-number number" title={total === undefined ? undefined : count(total)}>
          {total === undefined ? '–' : shortCount(total)}
        </span>
      </button>
      {runStatuses.map((status) => {
        const { tone, sign } = lookOf(status);
        const number = counts?.[status];
        return (
          <button
            key={status}
            type="button"
            class={`chip tone-${tone}${number === 0 ? ' is-zero' : ''}`}
            aria-pressed={statuses.includes(status)}
            onClick={() => toggle(status)}
          >
            <span class="chip-word">
              <Icon name={sign} size={14} />
              {status}
            </span>
            <span class="chip-number number" title={number === undefined ? undefined : count(number)}>
              {number === undefined ? '–' : shortCount(number)}
            </span>
          </button>
        );
      })}
    </fieldset>
  );
}
