/**
 * Keeps the focus on the page when the focused element disappears: a button after its command, a row, a view. Browsers
 * then move the focus to the document, and keyboard users would have to start at the top again.
 */
const focusable =
  'a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), [tabindex="0"]';

/** The element focused last, and its ancestors from the inside out. */
let last: { readonly element: Element; readonly around: readonly Element[] } | undefined;

export function keepFocus(): void {
  addEventListener('focusin', ({ target }) => {
    if (target instanceof Element) last = { element: target, around: aroundOf(target) };
  });
  addEventListener('focusout', ({ target }) => {
    // A click outside the element is meant to remove the focus.
    setTimeout(() => {
      if (last?.element === target && document.activeElement === document.body && !isLost(last.element))
        last = undefined;
    });
  });
  const observer = new MutationObserver(restore);
  observer.observe(document.body, { childList: true, subtree: true, attributeFilter: ['disabled'] });
}

/** Moves the focus to the content of the page if no element has it. */
export function focusContent(): void {
  if (isNowhere()) contentOf()?.focus({ preventScroll: true });
}

let left: string | undefined;

/** Remembers the run whose view is being left. */
export function leaveRun(runId: string): void {
  left = runId;
}

/** Moves the focus to the link of the run that was left, if the list contains it. */
export function focusLeft(list: Element | null): void {
  const link = [...(list?.querySelectorAll<HTMLElement>('a[data-run]') ?? [])].find(
    ({ dataset }) => dataset.run === left,
  );
  left = undefined;
  if (isNowhere() || document.activeElement === contentOf()) link?.focus();
}

/** Moves a lost focus to the nearest focusable element that still exists. */
function restore(): void {
  if (last === undefined || !isLost(last.element)) return;
  if (!isNowhere() && document.activeElement !== last.element) return;
  const content = contentOf();
  for (const element of last.around) {
    if (!element.isConnected) continue;
    const next = element.contains(content) ? content : element.querySelector<HTMLElement>(focusable);
    if (next === null) continue;
    next.focus({ preventScroll: element.contains(content) });
    return;
  }
}

function isLost(element: Element): boolean {
  return !element.isConnected || element.matches(':disabled');
}

function isNowhere(): boolean {
  return document.activeElement === null || document.activeElement === document.body;
}

function contentOf(): HTMLElement | null {
  return document.getElementById('main');
}

function aroundOf(element: Element): readonly Element[] {
  const around: Element[] = [];
  for (let at = element.parentElement; at !== null; at = at.parentElement) around.push(at);
  return around;
}
