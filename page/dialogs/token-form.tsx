import { useState } from 'preact/hooks';
import { Button } from '../parts/button.js';
import { setToken } from '../state/session.js';

interface TokenFormProps {
  readonly label: string;
  readonly onGiven?: () => void;
}

export function TokenForm({ label, onGiven }: TokenFormProps) {
  const [value, setValue] = useState('');
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        setToken(value.trim());
        onGiven?.();
      }}
    >
      <label class="field">
        <span class="field-name">Token</span>
        <input
          class="input is-mono"
          type="password"
          autoComplete="off"
          value={value}
          onInput={(event) => setValue(event.currentTarget.value)}
        />
      </label>
      <div class="form-end">
        <Button kind="primary" isSubmit isDisabled={value.trim() === ''}>
          {label}
        </Button>
      </div>
    </form>
  );
}
