// A document for React in Node. Not vitest's own: that one replaces AbortController, which fetch does
// not take then.
import { JSDOM } from "jsdom";
import { act, type ReactElement } from "react";
import { createRoot } from "react-dom/client";

const dom = new JSDOM("<!doctype html><body></body>", { pretendToBeVisual: true, url: "http://localhost/" });
Object.assign(globalThis, {
  window: dom.window,
  document: dom.window.document,
  HTMLElement: dom.window.HTMLElement,
});

/** What React makes of `change` is in the document afterwards. Later updates come as in a browser. */
export function perform(change: () => void): void {
  const flags = globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean };
  flags.IS_REACT_ACT_ENVIRONMENT = true;
  act(change);
  flags.IS_REACT_ACT_ENVIRONMENT = false;
}

export interface Mounted {
  element: HTMLElement;
  render(what: ReactElement): void;
  unmount(): void;
}

export function mount(what: ReactElement): Mounted {
  const element = document.createElement("div");
  document.body.append(element);
  const root = createRoot(element);
  const render = (next: ReactElement) => perform(() => root.render(next));
  render(what);
  return {
    element,
    render,
    unmount: () => {
      perform(() => root.unmount());
      element.remove();
    },
  };
}
