import { Component, createElement, type FunctionComponent } from 'preact';

/** Renders a component again only if one of its properties has changed. */
export function memo<Props extends object>(view: FunctionComponent<Props>): FunctionComponent<Props> {
  class Kept extends Component<Props> {
    override shouldComponentUpdate(next: Props): boolean {
      const now = this.props as Readonly<Record<string, unknown>>;
      return Object.entries(next).some(([key, value]) => !Object.is(now[key], value));
    }

    override render() {
      return createElement(view, this.props as Props);
    }
  }
  return Kept as unknown as FunctionComponent<Props>;
}
