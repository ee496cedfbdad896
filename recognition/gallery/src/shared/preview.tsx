import { useState } from "preact/hooks";
import { strings } from "../strings";
import { PictureFrame, Warning } from "./icons";
import { VisibleText } from "./visible_text";
import "./preview.css";

interface Properties {
  /** The `blob:` URL of a file in this browser, or null if no browser can show the file. */
  url: string | null;
  /** The text of the placeholder. */
  reason?: string;
  isFailure?: boolean;
}

/** Shows a file of this browser, or a placeholder if the browser cannot show it. The parent names the file. */
export function Preview({ url, reason = strings.noPreview, isFailure = false }: Properties) {
  const [isShown, setShown] = useState(true);
  if (url && isShown) {
    return <img src={url} alt="" loading="lazy" draggable={false} onError={() => setShown(false)} />;
  }
  return (
    <span class={isFailure ? "placeholder failed" : "placeholder"} aria-hidden="true">
      {isFailure ? <Warning /> : <PictureFrame />}
      <small>
        <VisibleText text={reason} />
      </small>
    </span>
  );
}
