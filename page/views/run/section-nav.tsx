import type { RunDetail } from '../../../src/dashboard/api/index.js';
import { shortCount } from '../../format.js';
import { useCurrentInView } from '../../parts/current.js';
import { hrefOf, type Section, sections } from '../../state/route.js';

interface SectionNavProps {
  readonly runId: string;
  readonly section: Section;
  readonly detail: RunDetail;
}

const names: Readonly<Record<Section, string>> = {
  graph: 'Graph',
  timeline: 'Timeline',
  data: 'Data',
  errors: 'Errors',
  events: 'Events',
};

export function SectionNav({ runId, section, detail }: SectionNavProps) {
  const numbers: Partial<Record<Section, number | undefined>> = {
    graph: detail.graph?.nodes.length,
    timeline: detail.attempts.length,
    errors: detail.errors.length,
  };
  const nav = useCurrentInView(section);
  return (
    <nav class="tabs" aria-label="Parts of the run" ref={nav}>
      {sections.map((name) => {
        const number = numbers[name];
        const isAlarming = name === 'errors' && number !== undefined && number > 0;
        return (
          <a
            key={name}
            class="tab"
            href={hrefOf({ view: 'runs', runId, section: name })}
            aria-current={name === section ? 'page' : undefined}
          >
            {names[name]}
            {number !== undefined && number > 0 && (
              <span class={`tab-number number${isAlarming ? ' tone-red is-alarming' : ''}`}>{shortCount(number)}</span>
            )}
          </a>
        );
      })}
    </nav>
  );
}
