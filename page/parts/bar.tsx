import type { Tone } from '../../src/dashboard/graph/appearance.js';

interface BarProps {
  readonly value: number;
  readonly of: number;
  readonly label: string;
  readonly tone?: Tone;
}

/** A bar that shows how full something is. */
export function Bar({ value, of, label, tone = 'blue' }: BarProps) {
  const share = of > 0 && Number.isFinite(of) ? Math.min(1, value / of) : 0;
  return (
    // biome-ignore lint/a11y/useSemanticElements: the look of <meter> is the browser's
    <span
      class={`bar tone-${tone}`}
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={of}
      aria-valuenow={Math.min(value, of)}
    >
      <span class="bar-fill" style={{ width: `${share * 100}%` }} />
    </span>
  );
}
