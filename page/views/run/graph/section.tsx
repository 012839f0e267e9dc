import { useRef } from 'preact/hooks';
import type { RunDetail } from '../../../../src/dashboard/api/index.js';
import { Empty } from '../../../parts/states.js';
import { go, hrefOf, type Route } from '../../../state/route.js';
import { NodePanel } from './node-panel.js';
import { GraphPicture } from './picture.js';

interface GraphSectionProps {
  readonly detail: RunDetail;
  readonly place: Route;
}

export function GraphSection({ detail, place }: GraphSectionProps) {
  const { graph, run } = detail;
  const section = useRef<HTMLDivElement>(null);
  if (graph === undefined || graph.nodes.length === 0) return <NoGraph detail={detail} />;
  const selected = graph.nodes.find(({ id }) => id === place.query.node);
  const select = (node: string | undefined) => {
    const query = node === undefined ? {} : { node };
    go({ view: 'runs', runId: run.runId, section: 'graph', query }, { replace: true });
  };
  return (
    <div ref={section} class={`graph-section${selected === undefined ? '' : ' has-panel'}`}>
      <GraphPicture key={run.runId} section={section} graph={graph} selected={selected?.id} onSelect={select} />
      {selected !== undefined && (
        <NodePanel key={selected.id} node={selected} detail={detail} onClose={() => select(undefined)} />
      )}
    </div>
  );
}

function NoGraph({ detail: { run, graph } }: { readonly detail: RunDetail }) {
  return (
    <Empty
      icon="detour"
      title={graph === undefined ? 'The graph of this run is not known' : 'This workflow has no nodes'}
    >
      {graph === undefined && (
        <p>
          Workers and orchestrators register the graphs of their workflows on the engine when they start. No program has
          registered this version yet.
        </p>
      )}
      <p>
        <a href={hrefOf({ view: 'runs', runId: run.runId, section: 'timeline' })}>Go to the timeline</a>
      </p>
    </Empty>
  );
}
