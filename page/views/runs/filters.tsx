import { useEffect, useRef, useState } from 'preact/hooks';
import { visible } from '../../../src/dashboard/graph/text.js';
import { Button } from '../../parts/button.js';
import { Icon } from '../../parts/icon.js';
import { overview } from '../../state/live.js';
import { useStore } from '../../state/store.js';
import { isFiltered, type RangeName, type RunsQuery, ranges } from './query.js';

interface FiltersProps {
  readonly query: RunsQuery;
  readonly onChange: (changes: Partial<RunsQuery>, options?: { readonly replace?: boolean }) => void;
}

/** Milliseconds after the last key press until the list is read. */
const patience = 250;

export function Filters({ query, onChange }: FiltersProps) {
  return (
    <div class="filters">
      <Search query={query} onChange={onChange} />
      <WorkflowSelect query={query} onChange={onChange} />
      <RangeSelect query={query} onChange={onChange} />
      <OrderSelect query={query} onChange={onChange} />
      {query.range === 'custom' && <CustomRange query={query} onChange={onChange} />}
      {isFiltered(query) && (
        <Button
          kind="quiet"
          icon="close"
          onClick={() => onChange({ statuses: [], workflow: '', text: '', range: 'all' })}
        >
          Clear
        </Button>
      )}
    </div>
  );
}

function Search({ query: { text }, onChange }: FiltersProps) {
  const [typed, setTyped] = useState(text);
  const told = useRef(text);
  const tell = useRef(onChange);
  tell.current = onChange;
  useEffect(() => {
    if (text !== told.current) setTyped(text);
    told.current = text;
  }, [text]);
  useEffect(() => {
    if (typed === told.current) return;
    const timer = setTimeout(() => {
      told.current = typed;
      tell.current({ text: typed }, { replace: true });
    }, patience);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <label class="search">
      <Icon name="search" />
      <span class="off-screen">Search runs</span>
      <input
        class="input"
        type="search"
        placeholder="Search ids and errors"
        value={typed}
        spellcheck={false}
        autoComplete="off"
        onInput={(event) => setTyped(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return;
          if (typed === '') event.currentTarget.blur();
          else setTyped('');
        }}
      />
      <span class="search-key" aria-hidden="true">
        <kbd>/</kbd>
      </span>
    </label>
  );
}

function WorkflowSelect({ query: { workflow }, onChange }: FiltersProps) {
  const workflows = useStore(overview, (known) => known?.distributed?.workflows) ?? [];
  const ids = [...new Set([...workflows.map(({ id }) => id), ...(workflow === '' ? [] : [workflow])])].sort();
  return (
    <label class="select">
      <span class="off-screen">Workflow</span>
      <select class="input" value={workflow} onChange={(event) => onChange({ workflow: event.currentTarget.value })}>
        <option value="">All workflows</option>
        {ids.map((id) => (
          <option key={id} value={id}>
            {visible(id).slice(0, 80)}
          </option>
        ))}
      </select>
    </label>
  );
}

function RangeSelect({ query: { range }, onChange }: FiltersProps) {
  return (
    <label class="select">
      <span class="off-screen">Time</span>
      <select
        class="input"
        value={range}
        onChange={(event) => onChange({ range: event.currentTarget.value as RangeName | 'custom' })}
      >
        {Object.entries(ranges).map(([name, [text]]) => (
          <option key={name} value={name}>
            {text}
          </option>
        ))}
        <option value="custom">Between…</option>
      </select>
    </label>
  );
}

function OrderSelect({ query: { order }, onChange }: FiltersProps) {
  return (
    <label class="select">
      <span class="off-screen">Order</span>
      <select
        class="input"
        value={order}
        onChange={(event) => onChange({ order: event.currentTarget.value as RunsQuery['order'] })}
      >
        <option value="newest">Newest first</option>
        <option value="oldest">Oldest first</option>
      </select>
    </label>
  );
}

function CustomRange({ query: { after, before }, onChange }: FiltersProps) {
  return (
    <span class="between">
      <label>
        <span class="off-screen">Created at or after</span>
        <input
          class="input"
          type="datetime-local"
          value={localTime(after)}
          onChange={(event) => onChange({ after: epoch(event.currentTarget.value) })}
        />
      </label>
      <span class="muted">to</span>
      <label>
        <span class="off-screen">Created before</span>
        <input
          class="input"
          type="datetime-local"
          value={localTime(before)}
          onChange={(event) => onChange({ before: epoch(event.currentTarget.value) })}
        />
      </label>
    </span>
  );
}

function localTime(time: string): string {
  const at = new Date(Number(time));
  if (time === '' || Number.isNaN(at.getTime())) return '';
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function epoch(text: string): string {
  const time = new Date(text).getTime();
  return Number.isNaN(time) ? '' : String(time);
}
