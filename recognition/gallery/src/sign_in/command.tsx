import { useRef } from "preact/hooks";
import { CopyButton } from "../shared/copy_button";
import { strings } from "../strings";
import "./command.css";

/** Shows a command, with a button that copies it. */
export function Command({ text }: { text: string }) {
  const code = useRef<HTMLElement>(null);
  return (
    <p class="command">
      <code ref={code}>{text}</code>
      <CopyButton text={text} name={strings.copyNamed(text)} label={strings.copy} shown={code} />
    </p>
  );
}
