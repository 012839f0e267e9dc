import { TokenForm } from '../dialogs/token-form.js';
import { Empty } from '../parts/states.js';

/** The page shown if even reading requires the token. */
export function Unlock() {
  return (
    <Empty heading="h1" icon="lock" title="This dashboard needs a token">
      <p>The dashboard printed the token when it started.</p>
      <TokenForm label="Open" />
    </Empty>
  );
}
