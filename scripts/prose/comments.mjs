// A textlint plugin that reads the comments of TypeScript files. Each comment is a paragraph, each of its lines a text. Text
// in backticks and code blocks count as code.
import ts from 'typescript';

class CommentsProcessor {
  constructor(options = {}) {
    this.extensions = options.extensions ?? ['.ts', '.tsx', '.mts', '.cts', '.mjs'];
  }

  availableExtensions() {
    return this.extensions;
  }

  processor() {
    return {
      preProcess: (text, file = 'comments.ts') => documentOf(text, file),
      postProcess: (messages, filePath = '<text>') => ({ messages, filePath }),
    };
  }
}

function documentOf(text, file) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const node = (type, start, end, rest = {}) => {
    const [from, to] = [start, end].map((at) => source.getLineAndCharacterOfPosition(at));
    const place = ({ line, character }) => ({ line: line + 1, column: character });
    const loc = { start: place(from), end: place(to) };
    return { type, raw: text.slice(start, end), range: [start, end], loc, ...rest };
  };
  const paragraph = ({ pos, end }) => {
    const isDoc = text.startsWith('/**', pos);
    return node('Paragraph', pos, end, {
      isDoc,
      children: textsIn(text, pos, end).map((part) => textNode(node, part)),
    });
  };
  return node('Document', 0, text.length, { children: commentsOf(source, text).map(paragraph) });
}

function textNode(node, { type, start, end }) {
  const made = node(type, start, end);
  return { ...made, value: made.raw };
}

function commentsOf(source, text) {
  const found = new Map();
  const visit = (node) => {
    const ranges = [
      ...(ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []),
      ...(ts.getTrailingCommentRanges(text, node.getEnd()) ?? []),
    ];
    for (const range of ranges) found.set(range.pos, range);
    for (const child of node.getChildren(source)) visit(child);
  };
  visit(source);
  return [...found.values()].sort((one, other) => one.pos - other.pos);
}

const directive = /^\/[/*]\s*(?:biome-|@ts-|v8 |<reference)/;

function* linesOf(text, pos, end) {
  const line = /^[ \t]*(?:\/\*+|\/\/+|\*(?!\/))?[ \t]*(.*?)[ \t]*(?:\*+\/)?$/dgm;
  for (const match of text.slice(pos, end).matchAll(line)) {
    const [start, stop] = match.indices[1];
    if (start < stop) yield { start: pos + start, end: pos + stop };
  }
}

function textsIn(text, pos, end) {
  if (directive.test(text.slice(pos, end))) return [];
  let isListing = false;
  return [...linesOf(text, pos, end)].flatMap((line) => {
    const raw = text.slice(line.start, line.end);
    if (raw.startsWith('```')) {
      isListing = !isListing;
      return [];
    }
    if (isListing) return [];
    return [...raw.matchAll(/`[^`]*`?|[^`]+/g)].map(({ 0: part, index }) => ({
      type: part.startsWith('`') ? 'Code' : 'Str',
      start: line.start + index,
      end: line.start + index + part.length,
    }));
  });
}

export default { Processor: CommentsProcessor };
