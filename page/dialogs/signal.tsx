import { useId, useState } from 'preact/hooks';
import { visible } from '../../src/dashboard/graph/text.js';
import { Button } from '../parts/button.js';
import { Dialog } from '../parts/dialog.js';
import { sendSignal } from '../state/actions.js';
import { closeDialog } from '../state/dialogs.js';

interface SignalProps {
  readonly runId: string;
  readonly awaiting: readonly string[];
  readonly expects?: Readonly<Record<string, string>> | undefined;
  readonly after?: (() => void) | undefined;
}

export function SignalDialog({ runId, awaiting, expects = {}, after }: SignalProps) {
  const [event, setEvent] = useState(awaiting[0] ?? '');
  const [text, setText] = useState('');
  const payload = read(text);
  const problem = useId();
  const expected = Object.hasOwn(expects, event) ? expects[event] : undefined;
  const send = (submit: Event) => {
    submit.preventDefault();
    if ('problem' in payload || event === '') return;
    closeDialog();
    sendSignal(runId, event, payload, after);
  };
  return (
    <Dialog title="Send a signal" onClose={closeDialog}>
      <form class="form" onSubmit={send}>
        <EventField awaiting={awaiting} event={event} onChange={setEvent} />
        <label class="field">
          <span class="field-name">
            Payload <span class="muted">(JSON{expected === undefined && ', optional'})</span>
          </span>
          {expected !== undefined && <code class="field-note">{visible(expected)}</code>}
          <textarea
            class="input is-mono"
            rows={6}
            spellcheck={false}
            value={text}
            placeholder={expected === undefined ? '{ "approved": true }' : ''}
            aria-invalid={'problem' in payload}
            aria-describedby={problem}
            onInput={(input) => setText(input.currentTarget.value)}
          />
          <span class="field-problem" id={problem} aria-live="polite">
            {'problem' in payload ? payload.problem : ''}
          </span>
        </label>
        <div class="form-end">
          <Button onClick={closeDialog}>Go back</Button>
          <Button kind="primary" icon="send" isSubmit isDisabled={'problem' in payload || event === ''}>
            Send
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

interface EventFieldProps {
  readonly awaiting: readonly string[];
  readonly event: string;
  readonly onChange: (event: string) => void;
}

function EventField({ awaiting, event, onChange }: EventFieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label class="field-name" for={id}>
        Event {awaiting.length > 0 && <span class="muted">(that the run waits for)</span>}
      </label>
      {awaiting.length > 0 ? (
        <select class="input" id={id} value={event} onChange={(change) => onChange(change.currentTarget.value)}>
          {awaiting.map((name) => (
            <option key={name} value={name}>
              {visible(name)}
            </option>
          ))}
        </select>
      ) : (
        <input
          class="input"
          id={id}
          type="text"
          value={event}
          onInput={(change) => onChange(change.currentTarget.value)}
        />
      )}
    </div>
  );
}

function read(text: string): { readonly value?: unknown } | { readonly problem: string } {
  if (text.trim() === '') return {};
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { problem: `No JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}
