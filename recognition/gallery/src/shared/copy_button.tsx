import type { RefObject } from "preact";
import { useState } from "preact/hooks";
import { strings } from "../strings";

interface Properties {
  text: string;
  /** The button's name for screen readers, if it differs from the shown one. */
  name?: string;
  label: string;
  /** The element that shows the text. It is selected if this page may not use the clipboard. */
  shown?: RefObject<HTMLElement | null>;
}

/** A button that copies a text. */
export function CopyButton({ text, name, label, shown }: Properties) {
  const [result, setResult] = useState("");
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setResult(strings.copied);
    } catch {
      if (shown?.current) getSelection()?.selectAllChildren(shown.current);
      setResult(shown ? strings.selected : strings.notCopied);
    }
  }
  return (
    <>
      <button type="button" class="text-button" aria-label={name} onClick={() => void copy()}>
        {label}
      </button>
      <span class="note" role="status">
        {result}
      </span>
    </>
  );
}
