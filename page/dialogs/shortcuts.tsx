import { shortcuts } from '../state/shortcuts.js';

export function ShortcutsDialog() {
  return (
    <dl class="shortcuts">
      {shortcuts.map(({ keys, text }) => (
        <div key={text} class="shortcut">
          <dt>
            {keys.map((key) => (
              <kbd key={key}>{key}</kbd>
            ))}
          </dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
  );
}
