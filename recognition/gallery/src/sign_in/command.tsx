import { useRef, useState } from "preact/hooks";
import { strings } from "../strings";
import "./command.css";

/** Shows a command, with a button that copies it. */
export function Command({ text }: { text: string }) {
  const code = useRef<HTMLElement>(null);
  const [result, setResult] = useState("");
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setResult(strings.copied);
    } catch {
      getSelection()?.selectAllChildren(code.current!); // this page may not use the clipboard
      setResult(strings.selected);
    }
  }
  return (
    <p class="command">
      <code ref={code}>{text}</code>
      <button type="button" class="text-button" aria-label={strings.copyNamed(text)} onClick={() => void copy()}>
        {strings.copy}
      </button>
      <span class="note" role="status">
        {result}
      </span>
    </p>
  );
}
