import { Button } from '../parts/button.js';
import { Icon } from '../parts/icon.js';
import { openDialog } from '../state/dialogs.js';
import { overview } from '../state/live.js';
import { setTheme, type Theme, theme, token } from '../state/session.js';
import { useStore } from '../state/store.js';

const next: Readonly<Record<Theme, Theme>> = { system: 'light', light: 'dark', dark: 'system' };
const icons = { system: 'screen', light: 'sun', dark: 'moon' } as const;

export function Tools() {
  const shown = useStore(theme);
  return (
    <>
      <Lock />
      <Button
        icon={icons[shown]}
        label={`Theme: ${shown}. Change to ${next[shown]}`}
        kind="quiet"
        onClick={() => setTheme(next[shown])}
      />
      <span class="keys-button">
        <Button
          icon="keyboard"
          label="Keyboard shortcuts"
          kind="quiet"
          onClick={() => openDialog({ kind: 'shortcuts' })}
        />
      </span>
    </>
  );
}

/** A button that shows whether changes are unlocked, and opens the dialog for the token. */
function Lock() {
  const hasActions = useStore(overview, (known) => known?.hasActions);
  const isUnlocked = useStore(token, (known) => known !== undefined);
  if (hasActions === undefined) return null;
  if (!hasActions) {
    return (
      <span class="read-only" title="This dashboard is read-only">
        <Icon name="lock" />
        <span class="wide-only">Read-only</span>
      </span>
    );
  }
  const label = isUnlocked ? 'Changes are unlocked' : 'Changes are locked: enter the token';
  return (
    <Button
      icon={isUnlocked ? 'unlock' : 'lock'}
      label={label}
      kind="quiet"
      onClick={() => openDialog({ kind: 'unlock' })}
    />
  );
}
