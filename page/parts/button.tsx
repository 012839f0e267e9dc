import type { ComponentChildren } from 'preact';
import { Icon, type IconName } from './icon.js';

interface ButtonProps {
  readonly children?: ComponentChildren;
  readonly icon?: IconName;
  /** Accessible name, for a button that shows only an icon. */
  readonly label?: string;
  readonly kind?: 'plain' | 'primary' | 'danger' | 'quiet';
  readonly isDisabled?: boolean;
  readonly isSubmit?: boolean;
  readonly isPressed?: boolean;
  readonly onClick?: (event: MouseEvent) => void;
}

export function Button(props: ButtonProps) {
  const { children, icon, label, kind = 'plain', isDisabled = false, isSubmit = false, isPressed, onClick } = props;
  return (
    <button
      type={isSubmit ? 'submit' : 'button'}
      class={`button is-${kind}${children === undefined ? ' is-icon' : ''}`}
      aria-label={label}
      title={children === undefined ? label : undefined}
      aria-pressed={isPressed}
      disabled={isDisabled}
      onClick={onClick}
    >
      {icon !== undefined && <Icon name={icon} />}
      {children}
    </button>
  );
}
