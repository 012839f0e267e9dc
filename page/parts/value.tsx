import { useState } from 'preact/hooks';
import type { ValueView } from '../../src/dashboard/api/index.js';
import { visibleLines } from '../../src/dashboard/graph/text.js';
import { count } from '../format.js';
import { Button } from './button.js';
import { Payload } from './scroll.js';

interface ValueProps {
  readonly title: string;
  readonly value: ValueView | undefined;
  /** Text shown when there is no value. Default: `None.` */
  readonly absent?: string;
  /** Level of the heading. Default: `h2`. */
  readonly heading?: 'h2' | 'h3';
}

/** A value as text that can be read and copied. */
export function Value({ title, value, absent = 'None.', heading: Heading = 'h2' }: ValueProps) {
  return (
    <div class="value">
      <header class="value-head">
        <Heading>{title}</Heading>
        {value !== undefined && <CopyButton text={value.text} />}
      </header>
      {value === undefined ? (
        <p class="muted value-absent">{absent}</p>
      ) : (
        <Payload label={title}>{visibleLines(value.text)}</Payload>
      )}
      {value?.isTruncated && (
        <p class="notice">
          Only the first {count(value.text.length)} of {count(value.length)} characters are shown.
        </p>
      )}
    </div>
  );
}

export function CopyButton({ text, label = 'Copy' }: { readonly text: string; readonly label?: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1_500);
  };
  return (
    <Button
      icon={isCopied ? 'check' : 'copy'}
      label={isCopied ? 'Copied' : label}
      kind="quiet"
      onClick={() => void copy()}
    />
  );
}

/** Copies text. The clipboard API exists only in secure contexts. */
async function writeText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement('textarea');
    field.value = text;
    field.className = 'off-screen';
    document.body.append(field);
    field.select();
    document.execCommand('copy');
    field.remove();
  }
}
