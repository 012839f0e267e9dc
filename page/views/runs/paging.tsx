import type { RunsPage } from '../../../src/dashboard/api/index.js';
import { Button } from '../../parts/button.js';
import type { RunsQuery } from './query.js';

interface PagingProps {
  readonly query: RunsQuery;
  readonly page: RunsPage;
  /** If true, `page` is the page that was requested last. */
  readonly isRead: boolean;
  readonly onChange: (changes: Partial<RunsQuery>) => void;
}

/**
 * Cursors of the previous pages. After the page has been reloaded, the cursors are unknown, so going back leads to the
 * first page.
 */
const cameFrom = new Map<string, string>();

export function Paging({ query: { cursor, order }, page, isRead, onChange }: PagingProps) {
  const { cursor: next } = page;
  if (cursor === '' && next === undefined) return null;
  const previous = cameFrom.get(cursor);
  const turn = (to: string) => {
    if (!isRead) return;
    if (to === next) cameFrom.set(to, cursor);
    onChange({ cursor: to });
    scrollTo({ top: 0 });
  };
  const [back, on] = order === 'newest' ? ['Newer', 'Older'] : ['Older', 'Newer'];
  return (
    <nav class="paging" aria-label="Pages of the list">
      <Button icon="left" isDisabled={cursor === ''} onClick={() => turn(previous ?? '')}>
        {cursor !== '' && previous === undefined ? 'First page' : back}
      </Button>
      <Button isDisabled={next === undefined} onClick={() => turn(next ?? '')}>
        {on}
      </Button>
    </nav>
  );
}
