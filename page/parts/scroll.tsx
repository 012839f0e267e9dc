import type { ComponentChildren } from 'preact';

interface ScrollProps {
  /** What it is called by those who do not see it. */
  readonly label: string;
  readonly class: string;
  readonly children: ComponentChildren;
}

/** A part that may be larger than its place. It takes the focus, so that keys can scroll it too. */
export function Scroll({ label, class: name, children }: ScrollProps) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: no landmark, there are many of it, and no fieldset
    // biome-ignore lint/a11y/noNoninteractiveTabindex: keys scroll it
    <div class={name} role="group" aria-label={label} tabIndex={0}>
      {children}
    </div>
  );
}

/** Code, or a value, as it is written. */
export function Payload({ label, children }: { readonly label: string; readonly children: string }) {
  return (
    <Scroll class="payload" label={label}>
      <pre>{children}</pre>
    </Scroll>
  );
}
