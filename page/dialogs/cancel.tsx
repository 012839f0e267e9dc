import { useState } from 'preact/hooks';
import { Button } from '../parts/button.js';
import { Dialog } from '../parts/dialog.js';
import { Name } from '../parts/text.js';
import { cancelRun } from '../state/actions.js';
import { closeDialog } from '../state/dialogs.js';

interface CancelProps {
  readonly runId: string;
  readonly after?: (() => void) | undefined;
}

export function CancelDialog({ runId, after }: CancelProps) {
  const [reason, setReason] = useState('');
  const cancel = (event: Event) => {
    event.preventDefault();
    closeDialog();
    cancelRun(runId, reason.trim(), after);
  };
  return (
    <Dialog title="Cancel this run?" onClose={closeDialog}>
      <p class="dialog-subject">
        <Name class="is-mono">{runId}</Name>
      </p>
      <p class="dialog-text">
        Running nodes are asked to stop, and no other nodes start. The run can be retried later.
      </p>
      <form class="form" onSubmit={cancel}>
        <label class="field">
          <span class="field-name">
            Reason <span class="muted">(optional, kept with the run)</span>
          </span>
          <input class="input" type="text" value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
        </label>
        <div class="form-end">
          <Button onClick={closeDialog}>Keep running</Button>
          <Button kind="danger" isSubmit>
            Cancel run
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
