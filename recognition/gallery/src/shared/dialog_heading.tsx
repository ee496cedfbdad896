import { strings } from "../strings";
import { Cross } from "./icons";
import { VisibleText } from "./visible_text";
import "./dialog_heading.css";

/** Shows a dialog's title, and the button that closes the dialog. */
export function DialogHeading({ id, title, onClose }: { id: string; title: string; onClose: () => void }) {
  return (
    <div class="dialog-heading">
      <h2 id={id}>
        <VisibleText text={title} />
      </h2>
      <button class="icon-button" aria-label={strings.close} title={strings.close} onClick={onClose}>
        <Cross />
      </button>
    </div>
  );
}
