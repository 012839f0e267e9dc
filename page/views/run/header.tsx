import type { ComponentChildren } from 'preact';
import type { RunDetail } from '../../../src/dashboard/api/index.js';
import { visibleLines } from '../../../src/dashboard/graph/text.js';
import { counted, exact } from '../../format.js';
import { Button } from '../../parts/button.js';
import { Icon } from '../../parts/icon.js';
import { Status } from '../../parts/status.js';
import { Ago, Count, Id, Name, Took } from '../../parts/text.js';
import { CopyButton } from '../../parts/value.js';
import { command, commandNames, commandsFor } from '../../state/actions.js';
import { openDialog } from '../../state/dialogs.js';
import { overview } from '../../state/live.js';
import { hrefOf } from '../../state/route.js';
import { useStore } from '../../state/store.js';

interface RunHeaderProps {
  readonly detail: RunDetail;
  readonly onChanged: () => void;
}

export function RunHeader({ detail, onChanged }: RunHeaderProps) {
  const { run } = detail;
  return (
    <header class="run-head">
      <a class="back" href={hrefOf({ view: 'runs' })}>
        <Icon name="left" size={14} />
        Runs
      </a>
      <div class="run-title">
        <h1>
          <Id>{run.runId}</Id>
        </h1>
        <CopyButton text={run.runId} label="Copy id" />
        <Status status={run.status} isLarge />
        <Actions detail={detail} onChanged={onChanged} />
      </div>
      <Facts detail={detail} />
      {run.error !== undefined && (
        <div class="callout tone-red">
          <Icon name="alert" />
          <p>{visibleLines(run.error.slice(0, 2_000))}</p>
        </div>
      )}
      <Awaited detail={detail} onChanged={onChanged} />
    </header>
  );
}

function Actions({ detail: { run, awaiting, expects }, onChanged }: RunHeaderProps) {
  const hasActions = useStore(overview, (known) => known?.hasActions ?? false);
  if (!hasActions) return null;
  const signal = () => openDialog({ kind: 'signal', runId: run.runId, awaiting, expects, after: onChanged });
  return (
    <div class="actions">
      {awaiting.length > 0 && (
        <Button kind="primary" icon="send" onClick={signal}>
          Signal…
        </Button>
      )}
      {commandsFor(run.status).map((name) => (
        <Button key={name} icon={commandNames[name].icon} onClick={() => command(name, run, onChanged)}>
          {commandNames[name].label}
        </Button>
      ))}
    </div>
  );
}

function Facts({ detail: { run, metrics } }: { readonly detail: RunDetail }) {
  const { workflow, version, status, priority, createdAt, startAt, finishedAt, deadline } = run;
  const isScheduled = status === 'scheduled';
  return (
    <dl class="facts">
      <Fact name="Workflow">
        <a href={hrefOf({ view: 'runs', query: { workflow } })}>
          <Name>{workflow}</Name>
        </a>
      </Fact>
      <Fact name="Version">
        <Name class="is-mono is-short">{version}</Name>
      </Fact>
      <Fact name={isScheduled ? 'Starts' : 'Started'}>
        <Ago time={startAt} />
      </Fact>
      {!isScheduled && (
        <Fact name={finishedAt === undefined ? 'Running for' : 'Took'}>
          <Took from={startAt} until={finishedAt} />
        </Fact>
      )}
      {startAt - createdAt > 1_000 && (
        <Fact name="Created">
          <Ago time={createdAt} />
        </Fact>
      )}
      {deadline !== undefined && (
        <Fact name="Deadline">
          <span class="number" title={exact(deadline)}>
            <Ago time={deadline} />
          </span>
        </Fact>
      )}
      {priority !== 0 && (
        <Fact name="Priority">
          <Count>{priority}</Count>
        </Fact>
      )}
      {metrics !== undefined && metrics.attempts > 0 && (
        <Fact name="Attempts">
          <span class="number">
            {counted(metrics.attempts, 'attempt').split(' ')[0]}
            {metrics.retries > 0 && (
              <span class="tone-ink-orange"> · {counted(metrics.retries, 'retry', 'retries')}</span>
            )}
            {metrics.failed > 0 && <span class="tone-ink-red"> · {metrics.failed} failed</span>}
          </span>
        </Fact>
      )}
    </dl>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Awaited({ detail: { awaiting, run } }: RunHeaderProps) {
  if (awaiting.length === 0 || run.finishedAt !== undefined) return null;
  return (
    <div class="callout tone-violet">
      <Icon name="hourglass" />
      <p>
        Waits for{' '}
        {awaiting.slice(0, 8).map((event, index) => (
          <span key={event}>
            {index > 0 && ', '}
            <Name class="is-strong">{event}</Name>
          </span>
        ))}
        {awaiting.length > 8 && ` and ${awaiting.length - 8} more`}
      </p>
    </div>
  );
}
