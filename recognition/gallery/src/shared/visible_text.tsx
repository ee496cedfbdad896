import { codePoint, splitAtHidden } from "./hidden_characters";
import "./visible_text.css";

/** Shows text from other people, such as names, labels and messages. Its writing direction ends with it. */
export function VisibleText({ text }: { text: string }) {
  return (
    <bdi>
      <MarkedText text={text} />
    </bdi>
  );
}

/** Shows a text with a small mark for each hidden character. */
export function MarkedText({ text }: { text: string }) {
  const parts = splitAtHidden(text);
  return <>{parts.map((part, index) => (index % 2 ? <code class="code-point">{codePoint(part)}</code> : part))}</>;
}
