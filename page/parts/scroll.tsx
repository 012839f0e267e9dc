import type { ComponentChildren } from 'preact';

interface ScrollProps {
  /** Accessible name. */
  readonly label: string;
  readonly class: string;
  readonly children: ComponentChildren;
}

/** An area that scrolls if its content is too large. Focusable, so that it can be scrolled with keys. */
export function Scroll({ label, class: name, children }: ScrollProps) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: no landmark, there are many of it, and no fieldset
    // biome-ignore lint/a11y/noNoninteractiveTabindex: keys scroll it
    <div class={name} role="group" aria-label={label} tabIndex={0}>
      {children}
    </div>
  );
}

/** Code or a value in its original form. */
export function Payload({ label, children }: { readonly label: string; readonly children: string }) {
  return (
    <Scroll class="payload" label={label}>
      <pre>{children}</pre>
    </Scroll>
  );
}
