// A textlint rule: a doc comment opens with a noun phrase or a verb in the third person, and not with one of the given words.
export default function opening({ Syntax, RuleError, report, getSource }, { words = [] } = {}) {
  const forbidden = new RegExp(`^(?:${words.join('|')})\\b`, 'i');
  return {
    [Syntax.Paragraph](node) {
      if (!node.isDoc) return;
      const [first] = node.children;
      const found = first?.type === Syntax.Str ? forbidden.exec(getSource(first)) : null;
      if (found === null) return;
      const message = `A doc comment that opens with "${found[0]}": open with a noun phrase, or a verb in the third person.`;
      report(first, new RuleError(message, { index: 0 }));
    },
  };
}
