import { useEffect, useRef } from 'preact/hooks';
import type { RunSummary } from '../../../src/dashboard/api/index.js';
import { visible } from '../../../src/dashboard/graph/text.js';
import { Menu } from '../../parts/menu.js';
import { Status } from '../../parts/status.js';
import { Ago, Id, Name, Took } from '../../parts/text.js';
import { command, commandNames, commandsFor } from '../../state/actions.js';
import { focusLeft } from '../../state/focus.js';
import { overview } from '../../state/live.js';
import { go, hrefOf } from '../../state/route.js';
import { useStore } from '../../state/store.js';

interface RunsTableProps {
  readonly runs: readonly RunSummary[];
  readonly onChanged: () => void;
}

/** The runs as a table. Arrow keys move between the rows, Enter opens a run. */
export function RunsTable({ runs, onChanged }: RunsTableProps) {
  const body = useRef<HTMLTableSectionElement>(null);
  const hasActions = useStore(overview, (known) => known?.hasActions ?? false);
  useEffect(() => focusLeft(body.current), []);
  const move = (event: KeyboardEvent) => {
    const step =
      event.key === 'ArrowDown' || event.key === 'j' ? 1 : event.key === 'ArrowUp' || event.key === 'k' ? -1 : 0;
    if (step === 0 || event.defaultPrevented) return;
    const links = [...(body.current?.querySelectorAll<HTMLElement>('a.run-link') ?? [])];
    const row = document.activeElement?.closest('tr');
    const at = links.findIndex((link) => row?.contains(link));
    links[Math.min(links.length - 1, Math.max(0, at + step))]?.focus();
    event.preventDefault();
  };
  return (
    <div class="sheet">
      <table class="table runs">
        <thead>
          <tr>
            <th class="runs-status">Status</th>
            <th class="runs-run">Run</th>
            <th class="runs-workflow wide-only">Workflow</th>
            <th class="runs-error wider-only">Error</th>
            <th class="runs-time is-right">Started</th>
            <th class="runs-time is-right medium-only">Duration</th>
            <th class="runs-actions">
              <span class="off-screen">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody ref={body} onKeyDown={move}>
          {runs.map((run) => (
            <Row key={run.runId} run={run} hasActions={hasActions} onChanged={onChanged} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  readonly run: RunSummary;
  readonly hasActions: boolean;
  readonly onChanged: () => void;
}

function Row({ run, hasActions, onChanged }: RowProps) {
  const { runId, workflow, status, error, startAt } = run;
  const open = (event: MouseEvent) => {
    if (event.target instanceof Element && event.target.closest('a, button')) return;
    if (getSelection()?.isCollapsed === false) return;
    go({ view: 'runs', runId });
  };
  return (
    <tr class="row-link" onClick={open}>
      <td class="runs-status">
        <Status status={status} />
      </td>
      <td class="runs-run">
        <a class="run-link" href={hrefOf({ view: 'runs', runId })} data-run={runId}>
          <Id>{runId}</Id>
        </a>
        <span class="narrow-only muted run-below">
          <Name>{workflow}</Name>
        </span>
        {error !== undefined && <span class="not-wider run-error tone-ink-red">{visible(error.slice(0, 300))}</span>}
      </td>
      <td class="runs-workflow wide-only">
        <Name>{workflow}</Name>
      </td>
      <td class="runs-error wider-only" title={error === undefined ? undefined : visible(error.slice(0, 1_000))}>
        {error !== undefined && <span class="tone-ink-red">{visible(error.slice(0, 300))}</span>}
      </td>
      <td class="runs-time is-right">
        <Ago time={startAt} />
        <span class="narrow-only muted run-below">
          <Duration run={run} />
        </span>
      </td>
      <td class="runs-time is-right medium-only">
        <Duration run={run} />
      </td>
      <td class="runs-actions">{hasActions && <RowMenu run={run} onChanged={onChanged} />}</td>
    </tr>
  );
}

function Duration({ run: { status, startAt, finishedAt } }: { readonly run: RunSummary }) {
  return status === 'scheduled' ? <span class="muted">–</span> : <Took from={startAt} until={finishedAt} />;
}

function RowMenu({ run, onChanged }: Omit<RowProps, 'hasActions'>) {
  const items = commandsFor(run.status).map((name) => {
    const { label, icon } = commandNames[name];
    return { label, icon, isDanger: name === 'cancel', onSelect: () => command(name, run, onChanged) };
  });
  return <Menu label={`Actions for ${visible(run.runId).slice(0, 80)}`} items={items} />;
}
