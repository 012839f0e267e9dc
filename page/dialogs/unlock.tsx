import { Button } from '../parts/button.js';
import { Dialog } from '../parts/dialog.js';
import { closeDialog } from '../state/dialogs.js';
import { setToken, token } from '../state/session.js';
import { useStore } from '../state/store.js';
import { TokenForm } from './token-form.js';

interface UnlockProps {
  readonly isRefused?: boolean;
  readonly after?: () => void;
}

export function UnlockDialog({ isRefused = false, after }: UnlockProps) {
  const isUnlocked = useStore(token, (known) => known !== undefined);
  if (isUnlocked) return <LockDialog />;
  const go = () => {
    closeDialog();
    after?.();
  };
  return (
    <Dialog title={isRefused ? 'The token was not accepted' : 'Unlock changes'} onClose={closeDialog}>
      <p class="dialog-text">
        Pausing, cancelling and other changes need the token that the dashboard printed when it started. This tab keeps
        the token until it is closed.
      </p>
      <TokenForm label="Unlock" onGiven={go} />
    </Dialog>
  );
}

function LockDialog() {
  const lock = () => {
    setToken(undefined);
    closeDialog();
  };
  return (
    <Dialog title="Changes are unlocked" onClose={closeDialog}>
      <p class="dialog-text">Anyone who uses this tab can change runs and loops until the tab is closed or locked.</p>
      <div class="form-end">
        <Button onClick={closeDialog}>Keep unlocked</Button>
        <Button kind="primary" icon="lock" onClick={lock}>
          Lock
        </Button>
      </div>
    </Dialog>
  );
}
