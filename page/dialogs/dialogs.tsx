import { Dialog } from '../parts/dialog.js';
import { closeDialog, dialog } from '../state/dialogs.js';
import { useStore } from '../state/store.js';
import { CancelDialog } from './cancel.js';
import { ConfirmDialog } from './confirm.js';
import { ShortcutsDialog } from './shortcuts.js';
import { SignalDialog } from './signal.js';
import { UnlockDialog } from './unlock.js';

/** The open dialog, if any. */
export function Dialogs() {
  const asked = useStore(dialog);
  switch (asked?.kind) {
    case undefined:
      return null;
    case 'unlock':
      return <UnlockDialog {...asked} />;
    case 'cancel':
      return <CancelDialog {...asked} />;
    case 'signal':
      return <SignalDialog {...asked} />;
    case 'confirm':
      return <ConfirmDialog {...asked} />;
    case 'shortcuts':
      return (
        <Dialog title="Keyboard" onClose={closeDialog}>
          <ShortcutsDialog />
        </Dialog>
      );
  }
}
