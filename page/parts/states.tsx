import type { ComponentChildren } from 'preact';
import type { RequestError } from '../state/request.js';
import { Button } from './button.js';
import { Icon, type IconName } from './icon.js';

interface EmptyProps {
  readonly icon: IconName;
  readonly title: string;
  readonly children?: ComponentChildren;
  /** `h1` if the heading is the only heading of the page. Default: `h2`. */
  readonly heading?: 'h1' | 'h2';
}

/** The state of a list without entries: the reason, and what to do. */
export function Empty({ icon, title, children, heading: Heading = 'h2' }: EmptyProps) {
  return (
    <div class="empty">
      <span class="empty-sign">
        <Icon name={icon} size={24} />
      </span>
      <Heading class="empty-title">{title}</Heading>
      <div class="empty-text">{children}</div>
    </div>
  );
}

interface FailedProps extends Pick<EmptyProps, 'heading'> {
  readonly error: RequestError;
  readonly onRetry: () => void;
}

/** The state of a section whose data could not be read. */
export function Failed({ error, onRetry, heading: Heading = 'h2' }: FailedProps) {
  return (
    <div class="empty" role="alert">
      <span class="empty-sign tone-red">
        <Icon name="alert" size={24} />
      </span>
      <Heading class="empty-title">
        {error.code === 'offline' ? 'The server does not answer' : 'This could not be read'}
      </Heading>
      <div class="empty-text">
        <p>{error.code === 'offline' ? 'The page tries again as soon as the connection is back.' : error.message}</p>
        <Button onClick={onRetry}>Try again</Button>
      </div>
    </div>
  );
}

/** A placeholder for data that is still loading. Takes up about as much space as the data. */
export function Skeleton({ rows = 8 }: { readonly rows?: number }) {
  return (
    <div class="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} class="skeleton-row" />
      ))}
    </div>
  );
}
