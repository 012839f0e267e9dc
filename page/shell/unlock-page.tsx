import { TokenForm } from '../dialogs/token-form.js';
import { Empty } from '../parts/states.js';

/** Nothing can be read without the token. */
export function Unlock() {
  return (
    <Empty heading="h1" icon="lock" title="This dashboard needs a token">
      <p>It was printed where the dashboard was started.</p>
      <TokenForm label="Open" />
    </Empty>
  );
}
