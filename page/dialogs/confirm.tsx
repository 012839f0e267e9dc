import { Button } from '../parts/button.js';
import { Dialog } from '../parts/dialog.js';
import { Name } from '../parts/text.js';
import { closeDialog, type OpenDialog } from '../state/dialogs.js';

export function ConfirmDialog({ title, text, subject, label, confirm }: Extract<OpenDialog, { kind: 'confirm' }>) {
  const go = () => {
    closeDialog();
    confirm();
  };
  return (
    <Dialog title={title} onClose={closeDialog}>
      {subject !== undefined && (
        <p class="dialog-subject">
          <Name class="is-mono">{subject}</Name>
        </p>
      )}
      <p class="dialog-text">{text}</p>
      <div class="form-end">
        <Button onClick={closeDialog}>Go back</Button>
        <Button kind="danger" onClick={go}>
          {label}
        </Button>
      </div>
    </Dialog>
  );
}
