import { Flow, type NodeArgs, toMermaid, type WorkflowResult, withAction } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import fc from '../properties.js';

/** The parts of a drawing: the shape of each node by its text, the arrows, and the nodes of each class. */
function read(drawing: string) {
  const [first, ...lines] = drawing.split('\n');
  expect(first).toBe('flowchart TD');
  expect(lines.pop()).toBe('');
  const names = new Map<string, string>();
  const shapes = new Map<string, string>();
  const arrows: string[] = [];
  const classes: Record<string, string[]> = {};
  for (const line of lines) {
    const node = /^ {2}(n\d+)([[(/]+)"([^"]*)"([\])/]+)$/.exec(line);
    const arrow = /^ {2}(n\d+) (-->|-\. fallback \.->)(?:\|"([^"]*)"\|)? (n\d+)$/.exec(line);
    const definition = /^ {2}classDef (\w+) [\w#:,\- ]+$/.exec(line);
    const coloured = /^ {2}class (n\d+(?:,n\d+)*) (\w+)$/.exec(line);
    if (node) {
      names.set(String(node[1]), text(node[3]));
      shapes.set(text(node[3]), `${node[2]}${node[4]}`);
    } else if (arrow) {
      const label = arrow[3] === undefined ? '' : ` ${text(arrow[3])}`;
      arrows.push(`${names.get(String(arrow[1]))} ${arrow[2]}${label} ${names.get(String(arrow[4]))}`);
    } else if (definition) classes[String(definition[1])] = [];
    else if (coloured)
      classes[String(coloured[2])]?.push(
        ...String(coloured[1])
          .split(',')
          .map((name) => String(names.get(name))),
      );
    else expect.unreachable(`what is this line: ${line}`);
  }
  return { shapes: Object.fromEntries(shapes), arrows, classes };
}

/** A label as Mermaid draws it, with character codes such as `#34;` replaced. */
function text(label = ''): string {
  return label.replace(/#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)));
}

function drawing(ids: readonly string[], edges: readonly object[] = []): string {
  return toMermaid({ id: 'x', nodes: ids.map((id) => ({ id, uses: 'work' })), edges: edges as [] });
}

const worker = (input: unknown) => input;

describe('a drawing', () => {
  it('has nodes and edges, with actions and conditions', () => {
    const flow = new Flow('order')
      .node('fetch', worker)
      .node('check', worker)
      .node('charge', worker)
      .edge('fetch', 'check')
      .edge('check', 'charge', { action: 'ok' })
      .edge('check', 'charge', { condition: 'output.total > 3' })
      .edge('check', 'fetch', { action: 'again', condition: 'output.retry' });
    expect(read(flow.toMermaid())).toEqual({
      shapes: { fetch: '[]', check: '[]', charge: '[]' },
      arrows: [
        'fetch --> check',
        'check --> ok charge',
        'check --> output.total > 3 charge',
        'check --> again, output.retry fetch',
      ],
      classes: {},
    });
  });

  it('is a text that Mermaid reads', () => {
    const flow = new Flow('order')
      .node('fetch order', worker)
      .node('charge', worker, { fallback: 'refund' })
      .node('refund', worker)
      .edge('fetch order', 'charge', { action: 'ok' });
    expect(flow.toMermaid()).toBe(
      [
        'flowchart TD',
        '  n0["fetch order"]',
        '  n1["charge"]',
        '  n2["refund"]',
        '  n0 -->|"ok"| n1',
        '  n1 -. fallback .-> n2',
        '',
      ].join('\n'),
    );
  });

  it('has shapes for sub-flows, batches, waits and sleeps', () => {
    const flow = new Flow('shapes')
      .node('plain', worker)
      .node('sub', new Flow('inner').node('a', worker))
      .batch('each', worker)
      .wait('approval')
      .sleep('pause', { duration: 1 });
    expect(read(flow.toMermaid()).shapes).toEqual({
      plain: '[]',
      sub: '[[]]',
      each: '[//]',
      approval: '([])',
      pause: '([])',
    });
  });

  it('shows the fallback of each node', () => {
    const flow = new Flow('fallbacks')
      .node('a', worker, { fallback: 'f' })
      .node('b', worker, { fallback: 'f' })
      .node('f', worker);
    expect(read(flow.toMermaid()).arrows).toEqual(['a -. fallback .-> f', 'b -. fallback .-> f']);
  });

  it('is the same for a flow and for its blueprint after JSON', () => {
    const flow = new Flow('same').node('a', worker).batch('b', worker).edge('a', 'b');
    expect(toMermaid(JSON.parse(JSON.stringify(flow.toBlueprint())))).toBe(flow.toMermaid());
  });

  it('of an empty graph is empty', () => {
    expect(drawing([])).toBe('flowchart TD\n');
  });

  it.each([
    'with "quotes"',
    "with 'quotes'",
    'with `ticks`',
    'two\nlines',
    'two\r\nlines',
    'a]b',
    'a["b"]',
    'a)b',
    'a --> b',
    'a -.-> b',
    'a | b',
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '&lt;b&gt;',
    '#quot;',
    '#34;',
    'a;b',
    '%% comment',
    '%%{init: {}}%%',
    'end',
    'subgraph x',
    'click n0 "javascript:alert(1)"',
    'classDef x fill:red',
    'n1',
    '\\',
    '\t\u0000\u2028',
    'ünïcödé ☂ 👩‍👩‍👧',
    '__proto__',
    ' ',
    '$$x^2$$',
    '**bold** _italic_',
    'http://example.org/?a=1&b=2',
  ])('shows the label %j unchanged, and is not broken by it', (label) => {
    const edges = [
      { source: label, target: 'other', action: label },
      { source: 'other', target: label, condition: label },
    ];
    const { shapes, arrows } = read(drawing([label, 'other'], edges));
    expect(Object.keys(shapes)).toEqual([label, 'other'].filter((id) => Object.hasOwn(shapes, id)));
    expect(arrows).toEqual([`${label} --> ${label} other`, `other --> ${label} ${label}`]);
    expect(drawing([label, 'other'], edges)).not.toMatch(/[<>]script|<img|onerror=/);
  });

  it('is not broken by any label', () => {
    const label = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(fc.uniqueArray(label, { minLength: 2, maxLength: 5 }), label, (ids, action) => {
        const [source, target] = ids as [string, string];
        const lines = drawing(ids, [{ source, target, action }]).split('\n');
        expect(lines).toHaveLength(ids.length + 3);
        for (const line of lines.slice(1, -2)) expect(line).toMatch(/^ {2}n\d+\["[^"<>\n\r[\]|`]*"\]$/);
        expect(lines.at(-2)).toMatch(/^ {2}n0 -->\|"[^"<>\n\r[\]|`]*"\| n1$/);
      }),
    );
  });

  it('shortens long labels', () => {
    const id = 'x'.repeat(10_000);
    const made = drawing([id, 'y'], [{ source: id, target: 'y', condition: `output == "${id}"` }]);
    expect(made.length).toBeLessThan(500);
    expect(made).toContain('…');
    const signs = drawing(['👩'.repeat(1_000)]);
    expect(signs).not.toMatch(/#5\d{4};/);
  });

  it('keeps nodes apart whose labels look alike', () => {
    const long = 'x'.repeat(100);
    const made = drawing([`${long}1`, `${long}2`, 'n0', 'N0'], [{ source: `${long}1`, target: 'n0' }]);
    expect(made.match(/^ {2}n\d+\[/gm)).toEqual(['  n0[', '  n1[', '  n2[', '  n3[']);
    expect(made).toContain('  n0 --> n2');
  });
});

describe('a drawing of a run', () => {
  it('shows the status of each node', async () => {
    const flow = new Flow('states')
      .node('start', () => withAction('go' as string, 1))
      .node('never', worker)
      .node('saved', () => Promise.reject(new Error('no')), { fallback: 'rescue' })
      .node('rescue', () => 'rescued')
      .node('unneeded', worker)
      .node('fine', worker, { fallback: 'unneeded' })
      .node('broken', () => Promise.reject(new Error('no')))
      .node('behind', worker)
      .wait('approval')
      .sleep('pause', { duration: 60_000 })
      .node('sub', new Flow('inner').wait('inside'))
      .edge('start', 'never', { action: 'stop' })
      .edge('start', 'saved', { action: 'go' })
      .edge('start', 'fine', { action: 'go' })
      .edge('start', 'broken', { action: 'go' })
      .edge('start', 'approval', { action: 'go' })
      .edge('start', 'pause', { action: 'go' })
      .edge('start', 'sub', { action: 'go' })
      .edge('broken', 'behind');
    const { classes } = read(flow.toMermaid(await flow.run()));
    expect(Object.fromEntries(Object.entries(classes).map(([name, nodes]) => [name, nodes.toSorted()]))).toEqual({
      completed: ['fine', 'rescue', 'start'],
      skipped: ['never', 'unneeded'],
      failed: ['broken'],
      recovered: ['saved'],
      awaiting: ['approval', 'pause', 'sub'],
    });
  });

  it('shows the nodes that an abort has cut short', async () => {
    const controller = new AbortController();
    const hang = (_: unknown, { signal }: NodeArgs) => {
      queueMicrotask(() => controller.abort());
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    const flow = new Flow('cut').node('a', worker).node('b', hang).node('c', worker).edge('a', 'b').edge('b', 'c');
    const result = await flow.run({}, { signal: controller.signal });
    expect(result).toMatchObject({ status: 'cancelled', cutShort: ['b'] });
    expect(read(flow.toMermaid(result)).classes).toEqual({ completed: ['a'], cut: ['b'] });
  });

  it('that has no finished nodes has no colours', () => {
    const empty = { errors: [], completed: [], skipped: [], awaiting: [], cutShort: [], unreached: [] };
    const flow = new Flow('none').node('a', worker);
    expect(flow.toMermaid(empty as unknown as WorkflowResult)).toBe(flow.toMermaid());
  });

  it('of a resumed run shows its new status', async () => {
    const flow = new Flow('resumed').wait('w').node('b', worker).edge('w', 'b');
    const waiting = await flow.run();
    expect(read(flow.toMermaid(waiting)).classes).toEqual({ awaiting: ['w'] });
    const result = await flow.resume(waiting, { events: { w: 1 } });
    expect(read(flow.toMermaid(result)).classes).toEqual({ completed: ['w', 'b'] });
  });
});
