import { useStore } from '../state/store.js';
import { dismiss, toasts } from '../state/toasts.js';
import { Button } from './button.js';
import { Icon } from './icon.js';

export function Toasts() {
  const shown = useStore(toasts);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {shown.map(({ id, text, isError }) => (
        <div key={id} class={`toast tone-${isError ? 'red' : 'green'}`}>
          <Icon name={isError ? 'cross' : 'check'} />
          <span class="toast-text">{text}</span>
          <Button icon="close" label="Dismiss" kind="quiet" onClick={() => dismiss(id)} />
        </div>
      ))}
    </div>
  );
}
